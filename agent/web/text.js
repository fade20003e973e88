// Numbers, times and durations as people read them. What is shortened has the whole of it in its title.
import { h } from "./dom.js";

const plain = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const MISSING = "–";

export const exact = (n) => (n === null || n === undefined ? MISSING : plain.format(n));
export const compact = (n) => (Math.abs(n) < 10000 ? plain.format(n) : short.format(n));
export const count = (n) => (n === null || n === undefined ? MISSING : h("span", { title: Math.abs(n) < 10000 ? null : plain.format(n) }, compact(n)));
export const percent = (part, whole) => {
  if (!whole) return MISSING;
  const p = (100 * part) / whole;
  return (p === 0 ? "0" : p < 0.1 ? "<0.1" : p < 10 ? p.toFixed(1) : p.toFixed(0)) + " %";
};
export const plural = (n, one, many = one + "s") => `${compact(n)} ${n === 1 ? one : many}`;

/** Dollars, where a price is known: small amounts keep their digits. */
export function money(n) {
  if (n === null || n === undefined) return MISSING;
  const digits = n === 0 || Math.abs(n) >= 1 ? 2 : Math.min(9, 2 - Math.floor(Math.log10(Math.abs(n))));
  return `$${n >= 100000 ? compact(n) : n.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: Math.max(2, digits) })}`;
}

export function ms(n) {
  if (n === null || n === undefined) return MISSING;
  if (n < 1000) return `${Math.round(n)} ms`;
  if (n < 60000) return `${(n / 1000).toFixed(n < 10000 ? 1 : 0)} s`;
  return span(n / 1000);
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${n < 10 && i ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

/** Seconds: the two greatest units. */
export function span(s) {
  if (s === null || s === undefined) return MISSING;
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  const parts = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  let rest = Math.round(s);
  const out = [];
  for (const [unit, name] of parts) {
    const n = Math.floor(rest / unit);
    if (n || out.length) out.push(n ? `${n}${name}` : "");
    rest -= n * unit;
    if (out.length === 2) break;
  }
  return out.filter(Boolean).join(" ") || "0s";
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const year = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

export const hhmm = (t) => clock.format(t);
export const hhmmss = (t) => seconds.format(t);
export const dayOf = (t) => day.format(t);
export const weekdayOf = (t) => weekday.format(t);

/** A moment, local: its time, and its day when that is not today. */
export function moment(t, fine) {
  const at = new Date(t);
  const now = new Date();
  const time = fine ? hhmmss(at) : hhmm(at);
  if (at.toDateString() === now.toDateString()) return time;
  return `${(at.getFullYear() === now.getFullYear() ? day : year).format(at)} ${time}`;
}

/** The same as an element, which tells the time of UTC, too. */
export const time = (t, fine) => (t ? h("time", { datetime: t, title: utc(t) }, moment(t, fine)) : MISSING);
export const utc = (t) => new Date(t).toISOString().replace("T", " ").replace(/\.000Z|Z/, " UTC");
