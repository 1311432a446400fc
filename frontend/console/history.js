// The audit of a principal: who did what to which field, page by page.
import { get } from "./api.js";
import { h } from "./dom.js";
import { badge, pages } from "./ui.js";
import { moment, words } from "./format.js";

const fieldNames = {
  signIn: "sign-in", refreshToken: "refresh token", bannedUntil: "banned until", appRole: "role", encryptedPassword: "password",
};

const shown = (value) => {
  if (value === null || value === undefined) return h("span", { class: "dim" }, "none");
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) return moment(value);
  return h("span", { class: "value" }, typeof value === "object" ? JSON.stringify(value) : String(value));
};

const isRefusal = (field, { current }) => current === "refused" || (field === "refreshToken" && current === "invalidated");

function changeLine([field, change], reason) {
  const why = change.reason ?? reason;
  return h("li", { class: isRefusal(field, change) ? "refusal" : null },
    h("span", { class: "field-name" }, fieldNames[field] ?? words(field)), " ",
    shown(change.previous), h("span", { class: "arrow" }, " \u2192 "), shown(change.current),
    why && [" ", badge(/\s/.test(why) ? why : words(why), isRefusal(field, change) ? "bad" : "neutral")]);
}

export const actorOf = (entry) => entry.actorName ?? entry.actorEmail ?? "System";

function entryItem(entry) {
  const from = [entry.ip, entry.metadata?.databaseRole && `database role ${entry.metadata.databaseRole}`].filter(Boolean).join(", ");
  return h("li", { class: "entry" },
    h("p", { class: "entry-head" }, h("strong", {}, actorOf(entry)), h("span", { class: "dim" }, moment(entry.createdAt))),
    h("ul", { class: "changes" }, Object.entries(entry.changes).map((change) => changeLine(change, entry.reason))),
    from && h("p", { class: "dim small" }, from));
}

export const auditHistory = (path, parameters = {}) => pages(
  async (cursor) => {
    const { audits, nextCursor } = await get(path, { ...parameters, limit: 10, cursor });
    return { items: audits, next: nextCursor };
  },
  (entries) => h("ol", { class: "history" }, entries.map(entryItem)),
  "Nothing has happened yet.");
