// How times, names and codes are written.
import { h } from "./dom.js";

const locale = navigator.language || "en";
const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const dayOnly = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
const shortDay = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

// days for as long as they count
const units = [["year", 63_072_000, 31_536_000], ["month", 7_776_000, 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

export function fromNow(time, now = Date.now()) {
  const seconds = Math.round((new Date(time) - now) / 1000);
  const [unit, least, size = least] = units.find(([, from]) => Math.abs(seconds) >= from) ?? units.at(-1);
  return relative.format(Math.trunc(seconds / size), unit);
}

// "3 days ago", with the moment itself beside it for those who want it.
export function ago(time, otherwise = "never") {
  return time ? h("time", { datetime: time, title: dateTime.format(new Date(time)) }, fromNow(time)) : h("span", { class: "dim" }, otherwise);
}

export function moment(time, otherwise = "never") {
  return time ? h("time", { datetime: time, title: fromNow(time) }, dateTime.format(new Date(time))) : h("span", { class: "dim" }, otherwise);
}

export const day = (time) => dayOnly.format(new Date(time));
export const dayAndMonth = (time) => shortDay.format(new Date(time));
export const clock = (time) => dateTime.format(new Date(time));
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString(locale)} ${number === 1 ? one : many}`;

// refresh-id-mismatch, refreshToken, in_use: in words.
export const words = (code) => String(code ?? "").replace(/([a-z])([A-Z])/g, "$1 $2").replace(/[-_]/g, " ").toLowerCase();

export const roles = ["READ_ONLY", "ANALYST", "AUDITOR", "ADMIN"];
export const kinds = { person: "Person", service_account: "Service account" };
export const nameOf = (user) => [user.firstName, user.lastName].filter(Boolean).join(" ");
export const isBanned = (who) => Boolean(who.bannedUntil) && new Date(who.bannedUntil) > new Date();

// A browser's User-Agent is for machines; what people know it by is in there.
export function device(userAgent) {
  if (!userAgent) return "unknown program";
  const browser = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]]
    .find(([mark]) => userAgent.includes(mark))?.[1];
  const system = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]]
    .find(([mark]) => userAgent.includes(mark))?.[1];
  return browser && userAgent.startsWith("Mozilla/") ? `${browser}${system ? ` on ${system}` : ""}` : userAgent.slice(0, 60);
}
