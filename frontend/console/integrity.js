// Keys and audit integrity: what signs, whether the audit holds, whether the health scan runs.
import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { scanLine } from "./agents.js";
import { alert, badge, button, card, empty, failureText, loading, table } from "./ui.js";
import { ago, count, moment, words } from "./format.js";

const tones = { in_use: "good", standby: "accent", previously_used: "neutral", revoked: "bad" };

const keyRow = (key) => [
  h("code", { class: "key-id" }, key.kid), key.alg, badge(words(key.state), tones[key.state]), key.sealed ? "sealed" : badge("in the clear", "warn"),
  ago(key.createdAt), ago(key.activatedAt), ago(key.revokedAt ?? key.retiredAt, "no"),
];

const facts = (list) => h("dl", { class: "facts" }, list.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

function verification() {
  const place = h("div", { role: "status", "aria-live": "polite" });
  const verify = async () => {
    replace(place, h("p", { class: "loading" }, "Reading every entry"));
    try {
      const { holds, faults, checkedAt } = await get("/api/audits/verify");
      replace(place, holds
        ? h("p", { class: "alert good" }, "Every chain holds, and so do the seals. Verified ", moment(checkedAt), ".")
        : [alert(`The audit does not hold: ${count(faults.length, "fault")}. Treat it as an intrusion.`),
          table("Faults", ["Principal", "Entry", "Fault"], faults, ({ userId, entry, fault }) => [userId ? h("a", { href: `#/principals/${userId}` }, userId) : "seals", entry ?? "", fault])]);
    } catch (error) {
      replace(place, alert(failureText(error)));
    }
  };
  return [h("div", { class: "actions" }, button("Verify now", verify, { tone: "primary" })), place];
}

export async function integrityPage() {
  return [
    h("h1", { tabindex: -1 }, "Keys and audit"),
    card("Audit", loading(async () => {
      const { lastScanAt, faults, lastSeal } = await get("/api/audits/status");
      return [
        faults > 0 && alert(`The last scan found ${count(faults, "fault")}. Verify now to see them.`),
        facts([
          ["Last scan", ago(lastScanAt, "never: SELECT auth.scan_audit()")],
          ["It found", faults === null ? "nothing yet" : faults === 0 ? badge("no fault", "good") : badge(count(faults, "fault"), "bad")],
          ["Last seal", lastSeal ? h("span", {}, `number ${lastSeal.number}, `, ago(lastSeal.sealedAt)) : "never: pg_principal audit seal"],
          ...(lastSeal ? [["It covers", `${count(lastSeal.chains, "chain")} that had changed`], ["Digest", h("code", { class: "key-id" }, lastSeal.digest)]] : []),
        ])];
    }, "medium"), verification()),
    card("Signing keys", loading(async () => {
      const { keys } = await get("/api/keys");
      return keys.length === 0 ? empty("No key yet: nothing can be signed. pg_principal keys create")
        : table("Signing keys", ["Key", "Algorithm", "State", "Private half", "Made", "In use since", "Ended"], keys, keyRow);
    }, "medium")),
    card("Health scan", loading(async () => {
      const status = await get("/api/health/status");
      return [
        scanLine(status),
        facts([
          ["Last scan", ago(status.lastScanAt)],
          ["Run by pg_cron", status.jobId === null ? (status.cronDatabase ? `not in this database (cron.database_name is ${status.cronDatabase})` : "no: pg_cron is not there")
            : h("span", {}, `job ${status.jobId}, `, h("code", {}, status.schedule), status.active ? "" : ", not active")],
          ["Its last run", status.lastRunAt ? h("span", {}, badge(status.lastStatus, status.lastStatus === "succeeded" ? "good" : "bad"), " ", ago(status.lastRunAt)) : "none"],
          ...(status.failedRuns ? [["Failed since", count(status.failedRuns, "run")], ["Message", status.lastMessage]] : []),
        ])];
    }, "medium")),
  ];
}
