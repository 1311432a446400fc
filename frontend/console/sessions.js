// Sessions of a principal: where from, since when, until when, and an end to each.
import { call, get } from "./api.js";
import { h } from "./dom.js";
import { badge, button, loading, notify, empty, table } from "./ui.js";
import { ago, clock, device, moment, words } from "./format.js";

const tones = { live: "good", expired: "neutral", signed_out: "neutral", revoked: "neutral", password_rotated: "neutral", banned: "bad", reuse: "bad" };

const nameOfEnd = ({ current, origin, label, createdAt }) => (current ? "Sign out of this session"
  : `End ${[origin === "issued" ? "token" : "sign-in", label].filter(Boolean).join(" ")} of ${clock(createdAt)}`);

export function sessionList(path, { mayEnd, onOwnEnd, endsOthers }) {
  const place = loading(async () => {
    const { sessions } = await get(path);
    if (sessions.length === 0) return empty("No sessions.");
    const end = (session) => async () => {
      await call("DELETE", `/api/sessions/${session.id}`, {});
      if (session.current) return onOwnEnd?.();
      notify("The session has ended.");
      await place.reload();
    };
    const live = sessions.filter(({ state }) => state === "live"), over = sessions.filter(({ state }) => state !== "live");
    const columns = ["Session", "State", "From", "Begun", "Last used", "Ends", mayEnd && "End it"].filter(Boolean);
    const list = (caption, some) => table(caption, columns, some, (session) => [
      h("span", {}, session.origin === "issued" ? `Token ${session.label ?? ""}` : "Sign-in", " ", session.current && badge("this one", "accent"),
        session.scopes?.length > 0 && h("span", { class: "dim small block" }, session.scopes.join(" "))),
      h("span", {}, badge(words(session.state), tones[session.state]), session.revokeReason && h("span", { class: "dim small block" }, session.revokeReason)),
      h("span", {}, session.ip ?? h("span", { class: "dim" }, "unknown"),
        session.userAgent && h("span", { class: "dim small block", title: session.userAgent }, device(session.userAgent))),
      moment(session.createdAt), ago(session.lastUsedAt, "not seen"), moment(session.expiresAt, "open"),
      mayEnd && (session.state === "live"
        ? button(session.current ? "Sign out" : "End", end(session), { tone: "plain small", "aria-label": nameOfEnd(session) })
        : h("span", { class: "dim" }, "over")),
    ].slice(0, columns.length));
    return [
      list("Live sessions", live),
      endsOthers && live.length > 1 && h("div", { class: "actions" }, button("End all others", async () => {
        await call("POST", "/api/auth/logout", { scope: "others" });
        notify("All other sessions have ended.");
        await place.reload();
      })),
      over.length > 0 && h("details", {}, h("summary", {}, `Ended sessions (${over.length})`), list("Ended sessions", over)),
    ];
  }, "tall");
  return place;
}
