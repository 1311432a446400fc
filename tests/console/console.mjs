// The console in Chromium against the server and its database: each page's main job, by everybody.
import { Tab, account, equal, http, never, ok, origin, password, shots, sql, start, stop } from "./browser.mjs";
import { readFileSync, readdirSync } from "node:fs";

const evil = `<img src=x onerror="window.hit=1">`;
const shortEvil = "<img src=x onerror=hit=1>";

async function unharmed(tab, name) {
  await tab.page.evaluate(() => new Promise((done) => setTimeout(done, 50)));
  equal(`${name}: what was typed is text`, await tab.page.evaluate(() => [window.hit ?? null, document.querySelectorAll('img[src="x"], script:not([src="main.js"])').length]), [null, 0]);
}

const links = (tab) => tab.page.$$eval("header nav a", (all) => all.map((link) => link.innerText));

// The processor time of the server and of its connections' backends, in milliseconds.
function spent() {
  const backends = sql("SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE usename = 'web'").split(" ").filter(Boolean);
  return [process.env.SERVER_PID, ...backends].reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) * 10;
  }, 0);
}

async function setting() {
  for (const role of ["READ_ONLY", "ANALYST", "AUDITOR", "ADMIN"]) account(`${role.toLowerCase()}@example.com`, role);
  for (const n of [1, 2, 3]) account(`person-${n}@example.com`);
  const bot = account("reports-agent@example.com", "ANALYST", "service_account");
  for (const [name, began, ends, label] of [["etl", -80, 3, "nightly"], ["backup", -80, 20, "backup"], ["sync", -80, 65, "sync"], ["feed", -80, -1, "feed"], ["mail", -10, 340, "mail"], ["search", -100, 41, "search"]]) {
    const id = account(`${name}@example.com`, "READ_ONLY", "service_account");
    sql("INSERT INTO auth.sessions (user_id, label, created_at, expires_at) VALUES (:'id', :'label', now() + :'began', now() + :'ends')",
      { id, label, began: `${began} days`, ends: `${ends} days` });
  }
  const signedIn = (await http("POST", "/api/auth/login", { email: "reports-agent@example.com", password })).body.tokens;
  sql("SELECT auth.revoke_session(id, 'laptop lost') FROM auth.sessions WHERE user_id = :'bot'", { bot });
  equal("the agent is refused", (await http("POST", "/api/auth/refresh", { refreshToken: signedIn.refreshToken })).status, 401);
  for (const wrong of ["a", "b", "c"]) await http("POST", "/api/auth/login", { email: "person-1@example.com", password: wrong });
  await http("POST", "/api/auth/login", { email: "stranger@example.com", password: "x" });
  account("invoices-agent@example.com", "ANALYST");
  const theirs = (await http("POST", "/api/auth/login", { email: "invoices-agent@example.com", password })).body.tokens;
  sql("SELECT auth.revoke_session(s.id, 'copied') FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE u.email = 'invoices-agent@example.com'");
  await http("POST", "/api/auth/refresh", { refreshToken: theirs.refreshToken });
  sql("SELECT count(*) FROM auth.scan_agent_health(); SELECT auth.audit_seal(); SELECT auth.scan_audit()");
}

async function files() {
  const page = await http("GET", "/console/");
  const policy = page.headers.get("content-security-policy");
  ok("a strict policy, nothing inline", /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';/.test(policy) && !policy.includes("unsafe"), policy);
  equal("the other headers", ["x-content-type-options", "referrer-policy", "cross-origin-opener-policy"].map((name) => page.headers.get(name)), ["nosniff", "no-referrer", "same-origin"]);
  equal("/console leads there", (await fetch(`${origin}/console`, { redirect: "manual" })).headers.get("location"), "/console/");
  for (const path of ["..%2fMakefile", "%2e%2e", "nothing.js", ".", "main.js/"]) equal(`/console/${path} is not there`, (await fetch(`${origin}/console/${path}`, { redirect: "manual" })).status === 200 && !path.startsWith("%2e") && path !== ".", false);
  const tag = page.headers.get("etag");
  equal("what a browser has is not sent again", (await fetch(`${origin}/console/`, { headers: { "If-None-Match": tag }, cache: "no-store" })).status, 304);
}

async function reader(email, role) {
  const tab = await Tab.open();
  await tab.type("Email", email);
  await tab.type("Password", "wrong");
  await tab.click("Sign in");
  ok(`${role}: a wrong password is told`, await tab.has("Invalid credentials"), await tab.text("main"));
  await tab.signIn(email);
  equal(`${role} sees its own page alone`, await links(tab), ["Profile settings"]);
  await tab.type("First name", role === "ANALYST" ? "Ada" : "Rosa");
  await tab.click("Save profile");
  ok(`${role} changes the profile`, await tab.has("The profile is saved."));
  await tab.settled();
  equal(`and bears that name from then on`, await tab.text(".who-name"), role === "ANALYST" ? "Ada" : "Rosa");
  const line = (await tab.text(".history")).replace(/\s+/g, " ");
  ok(`${role} sees that in the history, under the own name`, new RegExp(`^${role === "ANALYST" ? "Ada" : "Rosa"} .*first name none \u2192 ${role === "ANALYST" ? "Ada" : "Rosa"}`).test(line), line);
  await tab.page.evaluate(() => (location.hash = "#/principals"));
  await tab.settled();
  equal(`${role} gets no other page by its address`, await tab.text("h1"), "Profile settings");
  return tab;
}

async function settings() {
  const tab = await reader("analyst@example.com", "ANALYST");
  await tab.axe("profile settings");
  await tab.shot("profile-settings", { full: true });
  await tab.shot("profile-settings-360", { width: 360, full: true });
  await tab.look(1280, false);
  await tab.type("Current password", "wrong");
  await tab.type("New password", "An0ther!Strong-Pass");
  await tab.click("Change password");
  ok("a wrong current password is told at its field", /current/i.test(await tab.errorAt("Current password")), await tab.text("main"));
  await tab.type("Current password", password);
  await tab.type("New password", "short");
  await tab.click("Change password");
  ok("so is a weak new one", (await tab.errorAt("New password")).length > 5);
  await tab.type("New password", "An0ther!Strong-Pass");
  await http("POST", "/api/auth/login", { email: "analyst@example.com", password });
  await tab.click("Change password");
  ok("the password is changed", await tab.has("The password is changed"));
  await tab.settled();
  equal("which ends the other sessions", await tab.page.$$eval('table[role="table"] caption', (all) => all.filter((one) => one.innerText === "Live sessions").map((one) => one.parentElement.querySelectorAll("tbody tr").length)), [1]);
  equal("the new one signs in", (await http("POST", "/api/auth/login", { email: "analyst@example.com", password: "An0ther!Strong-Pass" })).status, 200);
  await tab.page.reload();
  await tab.page.waitForSelector(".sign-in");
  await tab.signIn("analyst@example.com", "An0ther!Strong-Pass");
  await tab.click("End all others");
  ok("all other sessions are ended", await tab.has("All other sessions have ended."));
  for (const name of ["First name", "Last name", "Job title"]) await tab.type(name, evil);
  await tab.type("Phone number", shortEvil);
  await tab.click("Save profile");
  ok("markup in every field is saved", await tab.has("The profile is saved."));
  await tab.settled();
  ok("and shown as it is", (await tab.text(".history")).includes(evil), await tab.text(".history"));
  await unharmed(tab, "profile");
  for (let i = 0; i < 12; ++i) sql("SELECT auth.audit(id, email, jsonb_build_object('n', jsonb_build_object('previous', :i, 'current', :i + 1))) FROM auth.users WHERE email = 'analyst@example.com'", { i });
  await tab.page.reload();
  await tab.signIn("analyst@example.com", "An0ther!Strong-Pass");
  const entries = () => tab.page.$$eval(".history .entry", (all) => all.length);
  const before = await entries();
  await tab.click("Show more");
  await tab.settled();
  ok("the history goes on by cursor", before === 10 && await entries() > 10, [before, await entries()]);
  ok("what a database role did is the System's", (await tab.text(".history")).includes("System"));
  await tab.close();
}

async function agent() {
  const tab = await Tab.open();
  await tab.signIn("reports-agent@example.com");
  const line = (await tab.text(".history")).replace(/\s+/g, " ");
  ok("an agent sees its refused refresh and why", /System .*refresh token active \u2192 invalidated token invalidated/.test(line), line);
  equal("and no page of auditors", await links(tab), ["Profile settings"]);
  await tab.click(await tab.page.$eval("td button", (one) => one.getAttribute("aria-label")));
  await tab.page.waitForSelector(".sign-in");
  ok("ending the session that one has signs out", await tab.has("You have signed out."));
  await tab.close();
}

async function auditor() {
  const before = spent();
  const tab = await Tab.open();
  await tab.signIn("auditor@example.com");
  console.log(`ok - the first page, sign-in and its password hash included, took ${spent() - before} ms of processor time on the server's side`);
  equal("an auditor's pages", await links(tab), ["Profile settings", "Agents", "Principals", "Keys and audit"]);
  const rows = await tab.page.$$eval("main table:first-of-type tbody tr", (all) => all.map((row) => [row.querySelector("a")?.innerText, row.querySelector(".badge")?.innerText]));
  equal("those about to fall silent are first", rows.slice(0, 5), [["invoices-agent@example.com", "Refused"], ["feed@example.com", "Silent"], ["etl@example.com", "Ends soon"],
    ["backup@example.com", "Ends soon"], ["search@example.com", "Look at it"]]);
  const text = await tab.text("main");
  ok("the incident of the agent is there, with its reason", /reports-agent@example\.com\s+Refused refresh\s*token invalidated/.test(text), text);
  const labels = await tab.page.$$eval("svg[role=img]", (all) => all.map((one) => one.getAttribute("aria-label")));
  ok("the time line and the plot say what they show", labels[0] === "Issued tokens that end in the next 90 days: 4" && /^Refused sign-ins and refreshes: [1-9]/.test(labels[1]), labels);
  ok("refusals by reason", /sign-in: wrong password \([1-9]/.test(text) && text.includes("refresh: token invalidated (2)"), text);
  ok("nothing jumped", await tab.page.evaluate(() => window.shift) < 0.1, await tab.page.evaluate(() => window.shift));
  await tab.axe("agents");
  await tab.shot("agents");
  await tab.shot("agents-dark", { dark: true, full: true });
  await tab.shot("agents-360", { width: 360, full: true });
  await tab.look(1280, false);
  await tab.choose("Of the last", "24");
  await tab.settled();
  equal("another span of time", await tab.page.$$eval("svg[role=img]", (all) => all.length), 2);
  await tab.go("Principals");
  await tab.type("Email or name", "PERSON-");
  await tab.page.keyboard.press("Enter");
  ok("an auditor searches", await tab.has("3 principals"), await tab.text("main"));
  await tab.type("Email or name", evil);
  await tab.click("Search");
  ok("a search for markup finds who is called so", await tab.has("1 principal") && (await tab.text("main")).includes(evil), await tab.text("main"));
  await tab.type("Email or name", `${evil} `.repeat(3));
  await tab.click("Search");
  ok("and nobody is told of as text, too", await tab.has(`Nobody has "${evil}`), await tab.text("main"));
  await unharmed(tab, "search");
  await tab.type("Email or name", "");
  await tab.click("Search");
  await tab.settled();
  await tab.axe("principals");
  await tab.shot("principals");
  await tab.go("person-1@example.com");
  ok("sessions and audit of somebody", (await tab.text("main")).includes("sign in none") || (await tab.text("main")).includes("refused"), await tab.text("main"));
  equal("and nothing to change", await tab.page.$$eval("main button", (all) => all.map((one) => one.innerText).filter((one) => one !== "Show more")), []);
  await tab.go("Keys and audit");
  await tab.click("Verify now");
  ok("the audit is verified", await tab.has("Every chain holds"), await tab.text("main"));
  ok("keys, their states and the last seal", /ES256\s+in use/.test(await tab.text("main")) && (await tab.text("main")).includes("number 1"), await tab.text("main"));
  await tab.axe("keys and audit");
  await tab.shot("keys-and-audit", { full: true });
  sql("SET session_replication_role = replica; UPDATE auth.audit_log SET reason = 'x' WHERE user_id = (SELECT id FROM auth.users WHERE email = 'person-3@example.com')");
  await tab.click("Verify now");
  ok("tampering shows", await tab.has("The audit does not hold: 1 fault"));
  sql("SET session_replication_role = replica; UPDATE auth.audit_log SET reason = NULL WHERE user_id = (SELECT id FROM auth.users WHERE email = 'person-3@example.com')");
  await late(tab);
  await tab.close();
}

// What is answered when its page has been left already.
async function late(tab) {
  const id = sql("SELECT id FROM auth.users WHERE email = 'person-1@example.com'");
  await tab.page.setRequestInterception(true);
  const asked = new Promise((found) => tab.page.on("request", (request) =>
    request.url().endsWith(`/api/users/${id}`) ? found(request) : request.continue()));
  await tab.page.evaluate((to) => (location.hash = to), `#/principals/${id}`);
  const request = await asked;
  await tab.page.evaluate(() => (location.hash = "#/integrity"));
  await tab.settled();
  const answered = tab.page.waitForResponse((response) => response.url() === request.url());
  await request.continue();
  await (await answered).text();
  await tab.settled();
  equal("a late answer does not name another page", [await tab.text("h1"), await tab.page.title()], ["Keys and audit", "Keys and audit - pg_principal console"]);
  tab.page.removeAllListeners("request");
  await tab.page.setRequestInterception(false);
}

async function admin() {
  const tab = await Tab.open();
  await tab.signIn("admin@example.com");
  await tab.go("Principals");
  await tab.click("New principal");
  await tab.axe("the dialog of a new principal");
  await tab.type("Email", "no address");
  await tab.type("Password", "short");
  await tab.click("Create");
  ok("errors are at the fields that they name", (await tab.errorAt("Email")).length > 5 && (await tab.errorAt("Password")).length > 5);
  await tab.type("Email", "builds@example.com");
  await tab.type("First name", evil);
  await tab.type("Last name", evil);
  await tab.type("Password", password);
  await tab.choose("Kind", "service_account");
  await tab.click("Create");
  ok("a service account is made", await tab.has("builds@example.com is created."));
  await tab.page.waitForFunction(() => document.querySelector("h1").innerText === "builds@example.com");
  await tab.settled();
  await unharmed(tab, "names");
  await tab.click("Change role");
  await tab.choose("Role", "READ_ONLY");
  await tab.page.keyboard.press("Tab");
  await (await tab.page.waitForSelector("dialog button[type=submit]")).click();
  ok("its role is changed", await tab.has("builds@example.com is READ_ONLY now."));
  await tab.settled();
  await tab.click("Issue a token");
  await tab.type("Label", evil);
  await tab.type("Scopes", "read:rows write:rows");
  await tab.axe("the dialog of a token");
  await tab.click("Issue");
  const token = await (await tab.find("Token", "textbox")).evaluate((area) => area.value);
  equal("the line for the environment", await (await tab.find("Line for the environment", "textbox")).evaluate((area) => area.value), `export LANDMARK_AUTH_TOKEN=${token}`);
  await tab.axe("the token, shown once");
  equal("the token is the account's", (await http("GET", "/api/auth/me", undefined, token)).body.user.email, "builds@example.com");
  await tab.context.overridePermissions(origin, ["clipboard-read", "clipboard-write", "clipboard-sanitized-write"]);
  await tab.click("Copy token");
  ok("it is copied", await tab.has("Copied"));
  await tab.click("Done");
  await tab.settled();
  ok("it is not to be seen again", !(await tab.page.content()).includes(token));
  await unharmed(tab, "label");
  await tab.shot("principal", { full: true });
  await tab.look(1280, false);
  await tab.click(await tab.page.$eval("td button", (one) => one.getAttribute("aria-label")));
  ok("the token is revoked", await tab.has("The session has ended."));
  equal("and dead", (await http("GET", "/api/auth/me", undefined, token)).status, 401);
  await tab.settled();
  await closedMeanwhile(tab);
  await tab.click("Ban");
  await tab.axe("the dialog of a ban");
  await tab.choose("How long", "7d");
  await tab.type("Reason", `leaked ${evil}`);
  await (await tab.page.waitForSelector("dialog button[type=submit]")).click();
  ok("it is banned", await tab.has("builds@example.com is banned."));
  await tab.settled();
  ok("for seven days, with the reason in the audit", /Banned until/.test(await tab.text("main")) && (await tab.text(".history")).includes(`leaked ${evil}`), await tab.text("main"));
  await unharmed(tab, "reason");
  await tab.axe("a principal");
  await tab.click("Lift the ban");
  ok("the ban is lifted", await tab.has("is lifted"));
  await tab.settled();
  equal("by whom the audit tells", await tab.page.$eval(".history .entry strong", (one) => one.innerText), "admin@example.com");
  await tab.close();
}

// A dialog that is closed before the token is there: it is good for a year, and would be known to nobody.
async function closedMeanwhile(tab) {
  let asked = () => {};
  let answer = () => {};
  const asking = new Promise((resolve) => { asked = resolve; });
  const closed = new Promise((resolve) => { answer = resolve; });
  const hold = async (request) => {
    if (request.url().endsWith("/api/tokens")) {
      asked();
      await closed;
    }
    request.continue();
  };
  await tab.page.setRequestInterception(true);
  tab.page.on("request", hold);
  await tab.click("Issue a token");
  await tab.click("Issue");
  await asking;
  await tab.page.keyboard.press("Escape");
  await tab.page.waitForFunction(() => document.querySelector("dialog") === null);
  answer();
  const token = await (await tab.find("Token", "textbox")).evaluate((area) => area.value);
  equal("a token whose dialog was closed too early is shown", (await http("GET", "/api/auth/me", undefined, token)).status, 200);
  await tab.axe("the token shown after all");
  await tab.click("Done");
  tab.page.off("request", hold);
  await tab.page.setRequestInterception(false);
  await tab.settled();
}

async function bannedMeanwhile() {
  const tab = await Tab.open();
  await tab.signIn("person-2@example.com");
  sql("SELECT auth.ban('person-2@example.com', reason => 'by hand')");
  await tab.page.waitForSelector(".sign-in");
  ok("a ban by hand ends the session of an open page, with a word", await tab.has("Your session has ended. It was ended elsewhere, it ran out, or this account was banned."));
  equal("nothing of it is left", await tab.page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]), [0, 0, ""]);
  await tab.type("Email", "person-2@example.com");
  await tab.type("Password", password);
  await tab.click("Sign in");
  ok("and signing in again says why", await tab.has("This account is banned"), await tab.text("main"));
  await tab.axe("a sign-in that was refused");
  await tab.signIn("person-3@example.com");
  await tab.type("First name", "Half typed");
  sql("SELECT auth.revoke_session(s.id) FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE u.email = 'person-3@example.com' AND s.revoked_at IS NULL");
  await tab.click("Save profile");
  ok("a session that has ended while a form was filled in, with the same word", await tab.has("Your session has ended."));
  await tab.close();
}

async function byKeyboard() {
  const tab = await Tab.open();
  await tab.axe("sign-in");
  await tab.shot("sign-in");
  await tab.page.keyboard.type("auditor@example.com");
  await tab.page.keyboard.press("Tab");
  await tab.page.keyboard.type(password);
  await tab.page.keyboard.press("Enter");
  await tab.page.waitForSelector("header.top");
  await tab.settled();
  equal("after signing in the focus is on the page", await tab.page.evaluate(() => document.activeElement.tagName), "H1");
  const reached = new Set();
  await tab.page.focus(".skip");
  for (let i = 0; i < 12; ++i) {
    reached.add(await tab.page.evaluate(() => document.activeElement.innerText?.trim()));
    await tab.page.keyboard.press("Tab");
  }
  ok("the keyboard alone reaches the pages and the agents", ["Skip to the page", "Principals", "Sign out", "feed@example.com"].every((name) => reached.has(name)), [...reached]);
  await tab.close();
}

async function size() {
  const { execSync } = await import("node:child_process");
  const bytes = Number(execSync(`cat ${process.env.CONSOLE}/* | gzip -9 | wc -c`, { encoding: "utf8" }));
  ok(`the whole console is ${bytes} bytes compressed, under 150 kB`, bytes < 150_000);
}

await start();
let failed = false;
try {
  await setting();
  for (const test of [files, size, byKeyboard, settings, agent, auditor, admin, bannedMeanwhile, async () => (await reader("read_only@example.com", "READ_ONLY")).close()]) {
    try {
      await test();
    } catch (error) {
      ok(`${test.name || "reader"} went through`, false, String(error.stack));
    }
  }
  equal("violations of the policy", never.violations, []);
  equal("errors in scripts", never.errors, []);
  equal("requests to elsewhere", never.elsewhere, []);
  ok("screenshots are kept", readdirSync(shots).length >= 8);
} finally {
  await stop();
}
