// Two plots, drawn as SVG at the width there is. What they show is also a table, one click away.
import { h, replace, svg } from "./dom.js";
import { clock, count, dayAndMonth, words } from "./format.js";
import { table } from "./ui.js";

const margin = { top: 12, right: 8, bottom: 26, left: 34 };

function niceMaximum(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value);
  return Math.max(step * power, 4);
}

// Draws again when the width changes.
function drawn(label, height, draw) {
  const box = h("div", { class: "plot" });
  let width = 0;
  new ResizeObserver(() => {
    const now = Math.floor(box.clientWidth);
    if (now === width || now === 0) return;
    width = now;
    replace(box, svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, draw(width)));
  }).observe(box);
  return box;
}

function axis(width, height, maximum) {
  const bottom = height - margin.bottom;
  return [0, maximum / 2, maximum].map((value) => {
    const y = bottom - (value / maximum) * (bottom - margin.top);
    return [svg("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: y, y2: y }),
      svg("text", { class: "axis", x: margin.left - 6, y: y + 4, "text-anchor": "end" }, value)];
  });
}

// Bars of stacked parts: `bars` is [{at, label, parts: [{series, value}]}], placed by `at` (0 to 1).
function bars(label, height, maximum, list, ticks, share) {
  return drawn(label, height, (width) => {
    const inner = width - margin.left - margin.right, bottom = height - margin.bottom;
    const scale = (bottom - margin.top) / maximum, thick = Math.max(inner * share - (inner * share > 4 ? 1 : 0), 1);
    const most = Math.max(2, Math.floor(inner / 70)), every = Math.ceil(ticks.length / most);
    return [axis(width, height, maximum),
      ticks.filter((_, i) => i % every === 0).map(({ at, text }) =>
        svg("text", { class: "axis", x: Math.min(margin.left + at * inner, width - 24), y: height - 8, "text-anchor": at === 0 ? "start" : "middle" }, text)),
      list.map(({ at, label: title, parts }) => {
        let y = bottom;
        return svg("g", {}, svg("title", {}, title), parts.map(({ series, value }) => {
          y -= value * scale;
          return svg("rect", { class: `series-${series}`, x: margin.left + at * inner, y, width: thick, height: value * scale });
        }));
      })];
  });
}

const asTable = (summary, content) => h("details", {}, h("summary", {}, summary), content);

export function expiryLine({ from, days }, length) {
  const start = new Date(from.slice(0, 10)), oneDay = 86_400_000;
  const total = days.reduce((sum, { tokens }) => sum + tokens, 0);
  const place = (day) => Math.round((new Date(day) - start) / oneDay);
  const urgency = (n) => (n <= 1 ? 1 : n <= 7 ? 2 : n <= 30 ? 3 : 4);
  const ticks = [];
  for (let n = 0; n <= length; n += 7) ticks.push({ at: n / (length + 1), text: n === 0 ? "today" : dayAndMonth(start.getTime() + n * oneDay) });
  const list = days.map(({ day, tokens }) => ({
    at: place(day) / (length + 1), label: `${dayAndMonth(day)}: ${count(tokens, "token")}`, parts: [{ series: urgency(place(day)), value: tokens }],
  }));
  const label = `Issued tokens that end in the next ${length} days: ${total}`;
  return [
    bars(label, 150, niceMaximum(Math.max(...days.map(({ tokens }) => tokens), 0)), list, ticks, 1 / (length + 1)),
    h("ul", { class: "legend" }, [[1, "within a day"], [2, "within 7 days"], [3, "within 30 days"], [4, "later"]].map(([series, text]) =>
      h("li", {}, h("span", { class: `swatch series-${series}` }), text))),
    total > 0 && asTable("The same as a table", table(label, ["Day (UTC)", "Tokens that end"], days, ({ day, tokens }) => [dayAndMonth(day), tokens])),
  ];
}

export function refusalPlot({ refusals, to }, hours) {
  const end = Math.floor(new Date(to) / 3_600_000) + 1, start = end - hours;
  const kindOf = ({ what, reason }) => `${what === "signIn" ? "sign-in" : "refresh"}: ${words(reason)}`;
  const totals = new Map();
  for (const one of refusals) totals.set(kindOf(one), (totals.get(kindOf(one)) ?? 0) + one.count);
  const order = [...totals].sort(([, a], [, b]) => b - a).map(([kind]) => kind);
  const seriesOf = (kind) => Math.min(order.indexOf(kind), 7) + 1;
  // a bar is as many hours as there is room for
  const span = hours > 336 ? 6 : hours > 48 ? 2 : 1;
  const byBar = new Map();
  for (const one of refusals) {
    const bar = Math.floor((new Date(one.hour) / 3_600_000 - start) / span);
    const parts = byBar.get(bar) ?? new Map();
    parts.set(kindOf(one), (parts.get(kindOf(one)) ?? 0) + one.count);
    byBar.set(bar, parts);
  }
  const list = [...byBar].map(([bar, parts]) => ({
    at: (bar * span) / hours,
    label: `${clock((start + bar * span) * 3_600_000)}: ${[...parts].map(([kind, n]) => `${n} ${kind}`).join(", ")}`,
    parts: order.filter((kind) => parts.has(kind)).map((kind) => ({ series: `reason-${seriesOf(kind)}`, value: parts.get(kind) })),
  }));
  const highest = Math.max(0, ...[...byBar.values()].map((parts) => [...parts.values()].reduce((sum, n) => sum + n, 0)));
  const ticks = [];
  for (let n = 0; n <= hours; n += hours > 48 ? 24 : 4) {
    const time = (start + n) * 3_600_000;
    ticks.push({ at: n / hours, text: hours > 48 ? dayAndMonth(time) : new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) });
  }
  const total = [...totals.values()].reduce((sum, n) => sum + n, 0);
  return [
    bars(`Refused sign-ins and refreshes: ${total}`, 190, niceMaximum(highest), list, ticks, span / hours),
    h("ul", { class: "legend" }, order.map((kind) => h("li", {}, h("span", { class: `swatch series-reason-${seriesOf(kind)}` }), `${kind} (${totals.get(kind)})`))),
    total > 0 && asTable("The same as a table", table("Refusals by hour and reason", ["Hour", "What", "Reason", "Count"], refusals.toReversed(),
      ({ hour, what, reason, count: n }) => [clock(hour), what === "signIn" ? "sign-in" : "refresh", words(reason), n])),
  ];
}
