// Profile settings: one's own profile, password, sessions and audit history.
import { call, get } from "./api.js";
import { h } from "./dom.js";
import { auditHistory } from "./history.js";
import { sessionList } from "./sessions.js";
import { badge, card, field, form, loading, notify } from "./ui.js";
import { kinds, moment } from "./format.js";

export async function settingsPage({ user, signedOut, updated }) {
  const history = () => auditHistory("/api/users/me/audits");
  const historyCard = card("Audit history", h("p", { class: "dim" }, "What happened to this account, the newest first, and who did it."), history());
  const renewHistory = () => historyCard.lastChild.reload();
  const profile = loading(async () => {
    const { user: me } = await get("/api/users/me");
    updated(me);
    const text = (label, name, more = {}) => field(label, name, { value: me[name] ?? "", ...more });
    return [
      h("dl", { class: "facts" },
        h("div", {}, h("dt", {}, "Email"), h("dd", {}, me.email)),
        h("div", {}, h("dt", {}, "Role"), h("dd", {}, badge(me.role, "accent"))),
        h("div", {}, h("dt", {}, "Kind"), h("dd", {}, kinds[me.kind])),
        h("div", {}, h("dt", {}, "Last sign-in"), h("dd", {}, moment(me.lastSignInAt)))),
      form([h("div", { class: "columns" }, text("First name", "firstName", { autocomplete: "given-name" }), text("Last name", "lastName", { autocomplete: "family-name" }),
        text("Job title", "jobTitle", { autocomplete: "organization-title" }), text("Phone number", "phoneNumber", { type: "tel", autocomplete: "tel" }))],
      "Save profile", async (values) => {
        const changes = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === "" ? null : value]));
        const { user: saved } = await call("PATCH", "/api/users/me", changes);
        updated(saved);
        notify("The profile is saved.");
        renewHistory();
      }),
    ];
  }, "tall");
  const sessions = sessionList("/api/users/me/sessions", { mayEnd: true, endsOthers: true, onOwnEnd: signedOut });
  const password = form([
    h("input", { type: "text", name: "username", autocomplete: "username", value: user.email, hidden: true, "aria-label": "Email", id: "password-username" }),
    h("p", { id: "password-username-error", hidden: true }),
    field("Current password", "currentPassword", { type: "password", autocomplete: "current-password", required: true }),
    field("New password", "newPassword", { type: "password", autocomplete: "new-password", required: true, hint: "It ends all other sessions, and every refresh token." }),
  ], "Change password", async ({ currentPassword, newPassword }, made) => {
    await call("PATCH", "/api/users/me/password", { currentPassword, newPassword });
    made.reset();
    notify("The password is changed. Sign in with it when this session ends.");
    sessions.reload();
    renewHistory();
  });
  return [
    h("h1", { tabindex: -1 }, "Profile settings"),
    h("div", { class: "split" }, card("Profile", profile), card("Password", password)),
    card("Sessions", sessions),
    historyCard,
  ];
}
