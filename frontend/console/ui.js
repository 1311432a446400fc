// What the pages are built of: forms that show errors at their fields, tables, pages of a list,
// dialogs, and what is to be seen while something loads, is empty or failed.
import { h, newId, replace } from "./dom.js";
import { ApiError } from "./api.js";

let hidden = 0;
export function notify(text) {
  const notice = document.getElementById("notice");
  clearTimeout(hidden);
  notice.textContent = text;
  notice.classList.add("shown");
  hidden = setTimeout(() => notice.classList.remove("shown"), 6000);
}

export function failureText(error) {
  if (!(error instanceof ApiError)) return `Something went wrong here: ${error.message}`;
  if (error.status === 429) return `${error.message}. Try again in ${error.retryAfter ?? "a few"} seconds.`;
  return error.message;
}

export const badge = (text, tone = "neutral") => h("span", { class: `badge ${tone}` }, text);

export const card = (title, ...children) => {
  const id = newId("card");
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), children);
};

export const empty = (text) => h("p", { class: "empty" }, text);
export const alert = (text, tone = "bad") => h("p", { class: `alert ${tone}`, role: "alert" }, text);

// A place whose content is on its way. It has its height from the start, so that nothing jumps.
export function loading(load, height = "medium") {
  const place = h("div", { class: `place ${height}`, "aria-busy": "true" }, h("p", { class: "loading" }, "Loading"));
  const run = async () => {
    place.setAttribute("aria-busy", "true");
    try {
      const content = await load();
      replace(place, content);
      place.classList.remove(height);
    } catch (error) {
      replace(place, alert(failureText(error)), button("Try again", () => run()));
    }
    place.setAttribute("aria-busy", "false");
  };
  run();
  place.reload = run;
  return place;
}

export function button(label, action, { tone = "plain", ...attributes } = {}) {
  const made = h("button", { type: "button", class: tone, ...attributes, onclick: async () => {
    if (made.getAttribute("aria-disabled") === "true") return;
    made.setAttribute("aria-disabled", "true");
    try {
      await action();
    } catch (error) {
      notify(failureText(error));
    }
    made.removeAttribute("aria-disabled");
  } }, label);
  return made;
}

// A labelled control with room for a hint and for what the API says of it.
export function field(label, name, { type = "text", options, hint, rows, ...attributes } = {}) {
  const id = newId(name);
  const describedBy = [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" ");
  const shared = { id, name, "aria-describedby": describedBy, ...attributes };
  const control = options
    ? h("select", shared, options.map(([value, text]) => h("option", { value, selected: value === attributes.value }, text)))
    : rows ? h("textarea", { ...shared, rows }) : h("input", { type, ...shared });
  if (rows && attributes.value) control.value = attributes.value;
  return h("div", { class: "field" }, h("label", { for: id }, label), control,
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    h("p", { class: "field-error", id: `${id}-error` }));
}

function showErrors(form, error) {
  if (!form.isConnected) return; // the session has ended, and the page with it
  let first = null;
  const rest = new Map(error?.fields ?? []);
  for (const control of form.elements) {
    if (!control.name) continue;
    const message = rest.get(control.name);
    rest.delete(control.name);
    document.getElementById(`${control.id}-error`).textContent = message ?? "";
    if (message) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    if (message) first ??= control;
  }
  const general = error ? [first ? null : failureText(error), ...rest.values()].filter(Boolean) : [];
  replace(form.querySelector(".form-error"), general.length > 0 && alert(general.join(". ")));
  first?.focus();
}

// `submit` gets the values; what the API refuses is shown where it belongs.
export function form(fields, submitLabel, submit, { tone = "primary", cancel } = {}) {
  const send = h("button", { type: "submit", class: tone }, submitLabel);
  const made = h("form", { novalidate: true, onsubmit: async (event) => {
    event.preventDefault();
    if (send.getAttribute("aria-disabled") === "true") return;
    send.setAttribute("aria-disabled", "true");
    showErrors(made, null);
    try {
      await submit(Object.fromEntries(new FormData(made)), made);
    } catch (error) {
      showErrors(made, error);
    }
    send.removeAttribute("aria-disabled");
  } }, fields, h("div", { class: "form-error" }),
  h("div", { class: "actions" }, send, cancel && h("button", { type: "button", class: "plain", onclick: cancel }, "Cancel")));
  return made;
}

// The roles are spelt out because narrow screens show rows as cards, and some browsers take a table
// that is shown so for none.
export function table(caption, columns, rows, cells, attributesOf = () => ({})) {
  return h("table", { role: "table" }, h("caption", { class: "visually-hidden" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
      columns.map((column) => h("th", { role: "columnheader", scope: "col" }, column)))),
    h("tbody", { role: "rowgroup" }, rows.map((row) => h("tr", { role: "row", ...attributesOf(row) },
      cells(row).map((cell, i) => h("td", { role: "cell", "data-label": columns[i] }, cell))))));
}

// A list that is read page by page: `read(cursor)` gives {items, next}, `show(items)` what they look like.
export function pages(read, show, nothing) {
  return loading(async () => {
    const list = h("div", { class: "pages" });
    const step = async (cursor) => {
      const { items, next } = await read(cursor);
      const part = items.length > 0 ? show(items) : cursor === null && empty(nothing);
      if (part) list.append(part);
      if (next) list.append(moreButton(part, () => step(next)));
    };
    await step(null);
    return list;
  }, "tall");
}

// Takes itself away, and the focus to what came.
function moreButton(above, read) {
  const more = button("Show more", async () => {
    await read();
    more.remove();
    const first = above.nextElementSibling?.querySelector("a, button, td, li");
    if (first?.matches("td, li")) first.setAttribute("tabindex", "-1");
    first?.focus();
  }, { tone: "plain more" });
  return more;
}

export function dialog(title, build) {
  const id = newId("dialog");
  const opener = document.activeElement;
  const close = () => made.close();
  const made = h("dialog", { "aria-labelledby": id, onclose: () => {
    made.remove();
    opener?.focus();
  } });
  made.append(h("h2", { id }, title), ...[build(close)].flat());
  document.body.append(made);
  made.showModal();
  return made;
}

export async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
    notify("Copied");
  } catch { // not on a page that came in the clear over a network
    from.focus();
    from.select();
    notify("Press Ctrl+C to copy");
  }
}
