// A browser for the console's tests: finds things by their accessible names, clicks and types, and
// counts what must never happen: policy violations, errors in scripts, requests to elsewhere.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

export const origin = process.env.ORIGIN;
export const password = "Th1sIsAStrong!Pass";
export const shots = process.env.SCREENSHOTS;
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export function ok(name, good, detail) {
  console.log(`${good ? "ok" : "not ok"} - ${name}`);
  if (!good && detail !== undefined) console.log(`    ${typeof detail === "string" ? detail : JSON.stringify(detail)}`.slice(0, 3000));
}
export const equal = (name, got, wanted) =>
  ok(name, JSON.stringify(got) === JSON.stringify(wanted), `wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);

// The statement's one value; :'name' stands for a variable.
export function sql(statement, variables = {}) {
  const flags = Object.entries(variables).flatMap(([name, value]) => ["-v", `${name}=${value}`]);
  return execFileSync("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", ...flags], { input: statement, encoding: "utf8" }).trim();
}

export function account(email, role = "ANALYST", kind = "person") {
  return sql("SELECT payload->'user'->>'id' FROM auth.add_user(jsonb_build_object('email', :'email', 'password', :'password', 'role', :'role', 'kind', :'kind'))",
    { email, role, kind, password });
}

export async function http(method, path, body, token) {
  const response = await fetch(origin + path, { method, body: body && JSON.stringify(body), headers: {
    ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) } });
  return { status: response.status, body: await response.json().catch(() => null), headers: response.headers };
}

export const never = { violations: [], errors: [], elsewhere: [] };

let browser;
export async function start() {
  mkdirSync(shots, { recursive: true });
  browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM, headless: true, userDataDir: process.env.PROFILE,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars", "--lang=en-US"] });
}
export const stop = () => browser.close();

const named = (name, role) => `::-p-aria([name=${JSON.stringify(name)}]${role ? `[role="${role}"]` : ""})`;

export class Tab {
  static async open(width = 1280) {
    const tab = new Tab();
    tab.context = await browser.createBrowserContext();
    tab.page = await tab.context.newPage();
    tab.page.setDefaultTimeout(60_000);
    await tab.page.setViewport({ width, height: 900 });
    await tab.page.exposeFunction("violated", (text) => never.violations.push(text));
    await tab.page.evaluateOnNewDocument(() => {
      document.addEventListener("securitypolicyviolation", (event) => window.violated(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
      window.shift = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => entry.hadRecentInput || (window.shift += entry.value))).observe({ type: "layout-shift", buffered: true });
    });
    tab.page.on("pageerror", (error) => never.errors.push(String(error)));
    tab.page.on("console", (message) => message.type() === "error" && !/status of [45]\d\d/.test(message.text()) && never.errors.push(message.text()));
    tab.page.on("request", (request) => request.url().startsWith(`${origin}/`) || never.elsewhere.push(request.url()));
    await tab.page.goto(`${origin}/console/`);
    return tab;
  }
  find(name, role) {
    return this.page.waitForSelector(named(name, role));
  }
  async click(name, role = "button") {
    await (await this.find(name, role)).click();
  }
  async type(name, text) {
    const control = await this.find(name);
    await control.evaluate((element) => element.scrollIntoView({ block: "center" }));
    await control.click({ count: 3 });
    await this.page.keyboard.press("Backspace");
    await this.page.keyboard.type(text);
  }
  async choose(name, value) {
    await (await this.find(name)).select(value);
  }
  async has(text) {
    return this.page.waitForFunction((wanted) => document.body.innerText.includes(wanted), { timeout: 30_000 }, text).then(() => true, () => false);
  }
  text(selector = "body") {
    return this.page.$eval(selector, (element) => element.innerText);
  }
  // The error beside the field of that name.
  async errorAt(name) {
    const control = await this.find(name);
    await this.page.waitForFunction((element) => element.getAttribute("aria-invalid") === "true", {}, control);
    return control.evaluate((element) => element.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id)?.innerText).at(-1));
  }
  async signIn(email, secret = password) {
    await this.type("Email", email);
    await this.type("Password", secret);
    await this.click("Sign in");
    await this.page.waitForSelector("header.top");
    await this.settled();
    return this;
  }
  // Nothing is under way; plots are drawn a frame after they are there.
  async settled() {
    await this.page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector('[aria-busy="true"], [aria-disabled="true"], .plot:empty'));
  }
  async go(name) {
    await this.click(name, "link");
    await this.settled();
  }
  async shot(name, { width = 1280, dark = false, full = false } = {}) {
    await this.look(width, dark);
    await this.page.screenshot({ path: `${shots}/${name}.png`, fullPage: full });
  }
  async look(width, dark) {
    await this.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
    await this.page.setViewport({ width, height: width < 500 ? 800 : 900 });
    await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  }
  // By axe-core: light, dark (where nothing but the colours is another), and on a telephone.
  async axe(name) {
    await this.settled();
    const problems = [];
    for (const [width, dark] of [[1280, false], [1280, true], [360, false]]) {
      await this.look(width, dark);
      if (!await this.page.evaluate(() => "axe" in window)) await this.page.evaluate(axeSource);
      const found = await this.page.evaluate((runOnly) => window.axe.run(document, { resultTypes: ["violations"], ...runOnly }),
        dark ? { runOnly: ["color-contrast", "link-in-text-block"] } : {});
      problems.push(...found.violations.map(({ id, nodes }) => `${width}${dark ? " dark" : ""}: ${id}: ${nodes.map(({ html }) => html.slice(0, 120)).slice(0, 3).join(" ")}`));
    }
    for (const width of [1280, 800, 360, 320, 240]) { // 320 is a window of 1280 at four times the size
      await this.look(width, false);
      problems.push(...await this.page.evaluate((wide) => [...document.querySelectorAll("html, body *")]
        .filter((one) => one.clientWidth > 0 && one.scrollWidth > one.clientWidth && !one.closest("input, select, .visually-hidden, .who-name, thead, svg"))
        .map((one) => `${wide}: ${one.scrollWidth - one.clientWidth} pixels too wide: ${one.outerHTML.slice(0, 80)}`).slice(0, 6), width));
    }
    equal(`${name}: axe finds nothing, light, dark and at 360 pixels, and nothing is too wide`, problems, []);
    await this.look(1280, false);
  }
  close() {
    return this.context.close();
  }
}
