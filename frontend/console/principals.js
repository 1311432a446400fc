// Principals: found and made.
import { call, get } from "./api.js";
import { h, replace } from "./dom.js";
import { badge, button, card, dialog, empty, field, form, loading, notify, table } from "./ui.js";
import { count, day, isBanned, kinds, moment, nameOf, roles } from "./format.js";

const perPage = 25;

export const standing = (who) => isBanned(who)
  ? badge(new Date(who.bannedUntil).getFullYear() > 2090 ? "Banned" : `Banned until ${day(who.bannedUntil)}`, "bad") : badge("Active", "good");

const row = (user) => [
  h("span", {}, h("a", { href: `#/principals/${user.id}` }, user.email), nameOf(user) && h("span", { class: "dim small block" }, nameOf(user))),
  kinds[user.kind], user.role, standing(user), moment(user.lastSignInAt),
];

function create(go) {
  dialog("New principal", (close) => form([
    field("Email", "email", { type: "email", required: true, autocomplete: "off", hint: "Agents are service accounts, or have -agent@ in it." }),
    h("div", { class: "columns" }, field("First name", "firstName", { autocomplete: "off" }), field("Last name", "lastName", { autocomplete: "off" }),
      field("Kind", "kind", { options: Object.entries(kinds), value: "person" }),
      field("Role", "role", { options: roles.map((role) => [role, role]), value: "ANALYST" })),
    field("Password", "password", { type: "password", autocomplete: "new-password", hint: "To sign in with. Whoever it is for changes it." }),
  ], "Create", async (values) => {
    const profile = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
    const { user } = await call("POST", "/api/users", profile);
    close();
    notify(`${user.email} is created.`);
    go(`#/principals/${user.id}`);
  }, { cancel: close }));
}

export async function principalsPage({ may, go }) {
  let filter = "", page = 1;
  const results = h("div", {});
  const show = () => replace(results, loading(async () => {
    const { users, total } = await get("/api/users", { filter, page, per_page: perPage });
    if (users.length === 0) return empty(filter ? `Nobody has "${filter}" in email or name.` : "There are no principals.");
    const last = Math.ceil(total / perPage), step = (by) => () => { page += by; show(); };
    return [
      h("p", { class: "dim", role: "status" }, count(total, "principal")),
      table("Principals", ["Principal", "Kind", "Role", "State", "Last sign-in"], users, row),
      last > 1 && h("nav", { class: "pager", "aria-label": "Pages" },
        button("Previous", step(-1), { disabled: page === 1 }), h("span", {}, `Page ${page} of ${last}`), button("Next", step(1), { disabled: page >= last })),
    ];
  }, "tall"));
  show();
  const search = h("form", { role: "search", class: "toolbar", onsubmit: (event) => {
    event.preventDefault();
    filter = new FormData(search).get("filter").trim();
    page = 1;
    show();
  } }, h("label", { for: "filter" }, "Email or name"), h("input", { type: "search", id: "filter", name: "filter", maxlength: 254, autocomplete: "off" }),
  h("button", { type: "submit", class: "plain" }, "Search"));
  return [
    h("div", { class: "title-row" }, h("h1", { tabindex: -1 }, "Principals"), may.write && button("New principal", () => create(go), { tone: "primary" })),
    card("People and service accounts", search, results),
  ];
}
