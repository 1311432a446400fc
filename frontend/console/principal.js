// One principal: role, ban, tokens, sessions, audit.
import { call, get } from "./api.js";
import { h, replace } from "./dom.js";
import { auditHistory } from "./history.js";
import { standing } from "./principals.js";
import { sessionList } from "./sessions.js";
import { badge, button, card, copy, dialog, field, form, loading, notify } from "./ui.js";
import { clock, isBanned, kinds, moment, nameOf, roles } from "./format.js";

const durations = [["", "until it is lifted"], ["1h", "for an hour"], ["24h", "for a day"], ["7d", "for 7 days"], ["30d", "for 30 days"], ["1y", "for a year"]];
const lives = [["24h", "24 hours"], ["7d", "7 days"], ["90d", "90 days"], ["8760h", "a year"]];

const given = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));

function ban(user, done) {
  dialog(`Ban ${user.email}`, (close) => form([
    h("p", {}, "Every token and session ends at once, everywhere, and for good: lifting the ban does not bring them back."),
    field("How long", "duration", { options: durations, value: "" }),
    field("Reason", "reason", { hint: "It goes into the audit.", autocomplete: "off" }),
  ], "Ban", async (values) => {
    await call("POST", `/api/users/${user.id}/ban`, given(values));
    close();
    notify(`${user.email} is banned.`);
    done();
  }, { tone: "danger", cancel: close }));
}

function changeRole(user, done) {
  dialog(`Role of ${user.email}`, (close) => form([
    field("Role", "role", { options: roles.map((role) => [role, role]), value: user.role, hint: "In force at its next request, whatever its tokens say." }),
  ], "Change role", async ({ role }) => {
    await call("PATCH", `/api/users/${user.id}/role`, { role });
    close();
    notify(`${user.email} is ${role} now.`);
    done();
  }, { cancel: close }));
}

function issue(user, done) {
  const asked = dialog(`Token for ${user.email}`, (close) => form([
    field("Good for", "ttl", { options: lives, value: "90d" }),
    field("Label", "label", { hint: "What it is for. A successor has the same label.", autocomplete: "off" }),
    field("Scopes", "scopes", { hint: "Words with blanks between them, if your policies ask for any.", autocomplete: "off" }),
  ], "Issue", async (values) => {
    const { scopes, ...rest } = given(values);
    const words = scopes?.split(/\s+/).filter(Boolean);
    const made = await call("POST", "/api/tokens", { userId: user.id, ...rest, ...(words?.length ? { scopes: words } : {}) });
    // whoever closed the dialog meanwhile has a token that lives all the same
    reveal(asked.open ? asked : dialog("Token", () => []), user, made);
    done();
  }, { cancel: close }));
}

function reveal(shown, user, { token, expiresAt }) {
  const box = (label, id, text, rows) => {
    const area = h("textarea", { id, rows, readonly: true, spellcheck: "false", class: "secret" });
    area.value = text;
    return h("div", { class: "field" }, h("label", { for: id }, label), area, h("div", { class: "actions" }, button(`Copy ${label.toLowerCase()}`, () => copy(text, area))));
  };
  replace(shown, h("h2", { id: shown.getAttribute("aria-labelledby"), tabindex: -1 }, `Token for ${user.email}`),
    h("p", { class: "alert warn" }, `This is the only time it is shown. It is good until ${clock(expiresAt)}.`),
    box("Token", "issued-token", token, 5),
    box("Line for the environment", "issued-line", `export LANDMARK_AUTH_TOKEN=${token}`, 5),
    h("div", { class: "actions" }, button("Done", () => shown.close(), { tone: "primary" })));
  shown.querySelector("h2").focus();
}

export async function principalPage({ may, user: me, signedOut, go }, id) {
  const heading = h("h1", { tabindex: -1 }, "Principal");
  const about = loading(async () => {
    const { user } = await get(`/api/users/${id}`);
    heading.textContent = user.email;
    if (heading.isConnected) document.title = `${user.email} - pg_principal console`; // or another page is shown by now
    const renew = () => Promise.all([about.reload(), sessions.reload(), historyCard.lastChild.reload()]);
    const unban = async () => {
      await call("POST", `/api/users/${id}/unban`, {});
      notify(`The ban of ${user.email} is lifted. Tokens from before it stay dead.`);
      renew();
    };
    return [
      h("dl", { class: "facts" }, [
        ["State", standing(user)], ["Role", badge(user.role, "accent")], ["Kind", kinds[user.kind]], ["Name", nameOf(user) || null],
        ["Job title", user.jobTitle], ["Phone number", user.phoneNumber], ["Created", moment(user.createdAt)],
        ["Last sign-in", moment(user.lastSignInAt)], ["Password changed", moment(user.passwordChangedAt)],
      ].filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      may.write && h("div", { class: "actions" },
        user.kind === "service_account" && !isBanned(user) && button("Issue a token", () => issue(user, renew), { tone: "primary" }),
        button("Change role", () => changeRole(user, renew)),
        isBanned(user) ? button("Lift the ban", unban) : user.id !== me.id && button("Ban", () => ban(user, renew), { tone: "danger" })),
    ];
  }, "medium");
  const sessions = sessionList(`/api/users/${id}/sessions`, { mayEnd: may.write, onOwnEnd: signedOut });
  const historyCard = card("Audit history", auditHistory("/api/audits", { userId: id }));
  return [
    h("p", {}, h("a", { href: "#/principals" }, "\u2190 Principals")),
    heading, card("Profile", about), card("Sessions and tokens", sessions), historyCard,
  ];
}
