// Who is signed in, and which page is to be seen. The address after # names the page.
import { call, isSignedIn, signIn, signOut, whenSessionEnds } from "./api.js";
import { h, replace } from "./dom.js";
import { agentsPage } from "./agents.js";
import { nameOf } from "./format.js";
import { integrityPage } from "./integrity.js";
import { principalPage } from "./principal.js";
import { principalsPage } from "./principals.js";
import { settingsPage } from "./settings.js";
import { alert, button, failureText, field, form } from "./ui.js";

const app = document.getElementById("app");
const beat = 15_000;
let user = null;
let shownFor = null;

const pagesOf = [
  { path: "#/settings", title: "Profile settings", open: settingsPage },
  { path: "#/agents", title: "Agents", open: agentsPage, for: ["AUDITOR", "ADMIN"] },
  { path: "#/principals", title: "Principals", open: principalsPage, for: ["AUDITOR", "ADMIN"] },
  { path: "#/integrity", title: "Keys and audit", open: integrityPage, for: ["AUDITOR", "ADMIN"] },
];
const visible = () => pagesOf.filter((page) => !page.for || page.for.includes(user.role));

const ownName = () => nameOf(user) || user.email;

function context() {
  return {
    user, may: { write: user.role === "ADMIN" }, go: (path) => (location.hash = path),
    signedOut: () => leave("You have signed out."), updated: (changed) => {
      const roleChanged = changed.role !== user.role;
      user = changed;
      if (roleChanged) draw();
      else replace(app.querySelector(".who-name"), ownName());
    },
  };
}

function signInPage(message, tone) {
  document.title = "Sign in - pg_principal console";
  document.body.className = "signed-out";
  replace(app, h("main", { id: "main", class: "sign-in" },
    h("div", { class: "brand" }, h("img", { src: "icon.svg", alt: "", width: 32, height: 32 }), "pg_principal"),
    h("h1", { tabindex: -1 }, "Sign in"),
    message && alert(message, tone),
    form([
      field("Email", "email", { type: "email", autocomplete: "username", required: true }),
      field("Password", "password", { type: "password", autocomplete: "current-password", required: true }),
    ], "Sign in", async ({ email, password }) => {
      user = await signIn(email, password);
      draw();
    }),
    h("p", { class: "dim small" }, "The session is kept in this page alone: closing or reloading it signs you out here.")));
  app.querySelector(message ? "h1" : "input").focus();
}

function leave(message, tone = "neutral") {
  user = null;
  for (const open of document.querySelectorAll("dialog")) open.remove();
  signInPage(message, tone);
}

whenSessionEnds(() => leave("Your session has ended. It was ended elsewhere, it ran out, or this account was banned. Sign in again, or ask an administrator.", "bad"));

function shell() {
  return [
    h("header", { class: "top" },
      h("div", { class: "brand" }, h("img", { src: "icon.svg", alt: "", width: 28, height: 28 }), "pg_principal"),
      h("nav", { "aria-label": "Pages" }, h("ul", {}, visible().map((page) => h("li", {}, h("a", { href: page.path }, page.title))))),
      h("div", { class: "who" }, h("span", { class: "who-name", title: user.email }, ownName()), h("span", { class: "dim small" }, user.role),
        button("Sign out", async () => {
          await signOut().catch(() => {});
          leave("You have signed out.");
        }))),
    h("main", { id: "main" }),
  ];
}

async function draw() {
  if (user === null) return signInPage();
  const shellOf = `${user.id} ${user.role}`;
  if (shownFor !== shellOf || !app.querySelector("header.top")) replace(app, shell());
  shownFor = shellOf;
  document.body.className = "signed-in";
  const [, name, id] = location.hash.split("/");
  const page = visible().find(({ path }) => path === `#/${name}`) ?? visible().find(({ path }) => path === (visible().length > 1 ? "#/agents" : "#/settings"));
  document.title = `${page.title} - pg_principal console`;
  for (const link of app.querySelectorAll("header nav a")) {
    if (link.getAttribute("href") === page.path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const main = document.getElementById("main");
  try {
    replace(main, await (page.path === "#/principals" && id ? principalPage(context(), id) : page.open(context())));
  } catch (error) {
    replace(main, h("h1", { tabindex: -1 }, page.title), alert(failureText(error)));
  }
  window.scrollTo(0, 0);
  main.querySelector("h1")?.focus();
}

// What ends a session elsewhere shows here within a quarter of a minute, also where nobody clicks.
setInterval(() => {
  if (isSignedIn() && document.visibilityState === "visible") call("GET", "/api/auth/me").then(({ user: me }) => user && context().updated(me)).catch(() => {});
}, beat);
window.addEventListener("hashchange", () => user && draw());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.querySelector("main h1")?.focus();
});
signInPage();
