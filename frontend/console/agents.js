// Agents: who is about to fall silent, when tokens end, incidents, refusals.
import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { expiryLine, refusalPlot } from "./plot.js";
import { badge, card, empty, loading, pages, table } from "./ui.js";
import { ago, count, fromNow, isBanned, moment, words } from "./format.js";

const urgencies = {
  refused: ["Refused", "bad"], silent: ["Silent", "bad"], expiring: ["Ends soon", "warn"], finding: ["Look at it", "neutral"], none: ["In order", "good"],
};

function tiles({ agents, findings = {} }) {
  const sum = (...kinds) => kinds.reduce((total, kind) => total + (findings[kind] ?? 0), 0);
  return h("ul", { class: "tiles" }, [
    ["Agents", agents ?? 0, "neutral"],
    ["Silent: a way in has ended", sum("token_expired", "refresh_lapsed"), "bad"],
    ["About to end", sum("token_expiring", "refresh_lapsing"), "warn"],
    ["Unused, old password, ADMIN", sum("token_unused", "password_old", "admin_agent"), "neutral"],
  ].map(([text, number, tone]) => h("li", { class: `tile ${number > 0 ? tone : "neutral"}` }, h("strong", {}, number.toLocaleString()), h("span", {}, text))));
}

export const scanLine = (status) => [
  status.problem && h("div", { class: "alert warn" }, h("strong", {}, `The health scan: ${status.problem}.`), status.remedy && h("p", {}, "What to do: ", h("code", {}, status.remedy))),
  h("p", { class: "dim" }, "Findings are those of the last health scan, ", ago(status.lastScanAt, "which has not run yet"), "."),
];

const findingLine = ({ reason, expiresAt, since }) => h("li", {}, reason, " ",
  h("span", { class: "dim" }, expiresAt ? `(${new Date(expiresAt) > new Date() ? "ends" : "ended"} ${fromNow(expiresAt)})` : `(found ${fromNow(since)})`));

function agentRow(agent) {
  const [text, tone] = isBanned(agent) ? ["Banned", "neutral"] : urgencies[agent.urgency];
  return [
    h("span", {}, h("a", { href: `#/principals/${agent.id}` }, agent.email), h("span", { class: "dim small block" }, agent.role)),
    h("span", {}, badge(text, tone),
      agent.urgency === "refused" && h("span", { class: "small block" }, words(agent.lastRefusalReason), " ", h("span", { class: "dim" }, `(${fromNow(agent.lastRefusalAt)})`)),
      agent.findings.length > 0 && h("ul", { class: "findings small" }, agent.findings.map(findingLine))),
    h("span", {}, agent.nextExpiry ? ago(agent.nextExpiry) : h("span", { class: "dim" }, "no live token")),
    h("span", {}, count(agent.issuedTokens, "token"), h("span", { class: "dim small block" }, count(agent.signedInSessions, "sign-in"))),
    ago([agent.lastUsedAt, agent.lastRefreshAt].filter(Boolean).sort().at(-1), "not seen"),
    agent.refusals > 0 ? h("span", {}, badge(`${agent.refusals}`, "bad"), h("span", { class: "dim small block" }, words(agent.lastRefusalReason))) : "0",
  ];
}

const incidentRow = (incident) => [
  moment(incident.createdAt), h("a", { href: `#/principals/${incident.userId}` }, incident.email),
  h("span", {}, incident.kind === "refresh_failure" ? "Refused refresh" : words(incident.kind), h("span", { class: "dim small block" }, words(incident.reason))),
  incident.resolvedAt ? badge("over", "neutral") : incident.kind !== "refresh_failure" ? badge("open", "warn") : incident.detectedAt ? badge("reported", "neutral") : badge("new", "bad"),
];

function refusalCard() {
  const choices = [[24, "24 hours"], [168, "7 days"], [720, "30 days"]];
  const place = h("div", {});
  const draw = (hours) => replace(place, loading(async () => {
    const answer = await get("/api/refusals", { hours });
    return answer.refusals.length > 0 ? refusalPlot(answer, hours) : empty("Nobody was refused in that time.");
  }, "medium"));
  const id = "refusal-hours";
  const choice = h("select", { id, onchange: () => draw(Number(choice.value)) }, choices.map(([hours, text]) => h("option", { value: hours, selected: hours === 168 }, text)));
  draw(168);
  return card("Refused sign-ins and refreshes", h("div", { class: "toolbar" }, h("label", { for: id }, "Of the last"), choice), place);
}

export async function agentsPage() {
  return [
    h("h1", { tabindex: -1 }, "Agents"),
    loading(async () => {
      const status = await get("/api/health/status");
      return [tiles(status), scanLine(status)];
    }, "short"),
    card("By urgency", pages(
      async (cursor) => {
        const { agents, nextCursor } = await get("/api/agents", { limit: 20, cursor });
        return { items: agents, next: nextCursor };
      },
      (agents) => table("Agents, the most urgent first", ["Agent", "State", "Next end", "Live", "Last used", "Refused, 7 days"], agents, agentRow,
        ({ urgency }) => ({ class: `urgency-${urgency}` })),
      "There are no agents: no service account, and no address that contains -agent@.")),
    card("Tokens that end in the next 90 days", loading(async () => {
      const answer = await get("/api/tokens/expiries", { days: 90 });
      return answer.days.length > 0 ? expiryLine(answer, 90) : empty("No issued token ends in the next 90 days.");
    }, "medium")),
    refusalCard(),
    card("Incidents", pages(
      async (cursor) => {
        const { incidents, nextCursor } = await get("/api/health/incidents", { limit: 10, cursor });
        return { items: incidents, next: nextCursor };
      },
      (incidents) => table("Incidents, the newest first", ["When", "Agent", "What", "State"], incidents, incidentRow),
      "No incidents.")),
  ];
}

