// Use case instances: which used most, how those of a use case differ, and what its steps and users used.
import { $, h, svg, put, table, empty, segments } from "./dom.js";
import { count, compact, exact, percent, ms, span, time, money } from "./text.js";
import { filters, go, link, instanceLink } from "./state.js";
import { units } from "./usage.js";
import { costOf } from "./cost.js";

const withoutResource = (state) => {
  const { resource, ...rest } = filters(state);
  return rest;
};
const every = (state) => (state.range === "1h" ? 10 : state.range === "24h" ? 20 : 60);
const ORDERS = [["units", "Units"], ["events", "Events"], ["latency", "Latency"], ["cost", "Cost"], ["failures", "Failed"], ["last", "Last seen"]];
export const setSort = segments($("sort"), "sort", ORDERS, (sort) => go({ sort }));

/** How much of the greatest: beside its number. */
export const bar = (n, max, mark = "s0") => h("span", { class: "share", "aria-hidden": true }, h("i", { class: mark, css: { width: `${max ? Math.max(1, (100 * n) / max) : 0}%` } }));

const nameOf = (r) => h("a", { href: link({ "use-case": r.use_case_name }), "data-key": `uc-${r.use_case_name}-${r.use_case_id ?? ""}`, title: `Only ${r.use_case_name}` }, r.use_case_name);
const idOf = (r) => (r.use_case_id === null ? h("span", { class: "faint" }, "(no id)") : h("a", { href: instanceLink(r.use_case_name, r.use_case_id), "data-key": `id-${r.use_case_name}-${r.use_case_id}`, class: "id", title: r.use_case_id }, r.use_case_id));

export const instancesPanel = {
  place: $("instances"),
  every,
  ask: (state) => [["/api/v1/history/use-cases", { ...withoutResource(state), sort: state.sort, limit: 12 }]],
  show([{ rows }], state) {
    $("instances-note").textContent = `seen in this time${state.resource ? ", of any resource" : ""}; their sums are of all time`;
    if (!rows.length) return put($("instances-table"), empty("No use case instance was seen in this time."));
    const max = Math.max(...rows.map(units)), cost = rows.some((r) => costOf(r) !== null);
    put($("instances-table"), table("Top instances", [
      { text: "Instance", cell: idOf },
      { text: "Use case", class: "line", cell: nameOf },
      { text: "Events", number: true, cell: (r) => count(r.events) },
      { text: "Failed", number: true, cell: (r) => h("span", { class: r.failures && "warn" }, exact(r.failures)) },
      { text: "Input", number: true, cell: (r) => count(r.input_units) },
      { text: "Output", number: true, cell: (r) => count(r.output_units) },
      { text: "Units", class: "wide", cell: (r) => bar(units(r), max), title: (r) => `${exact(units(r))} units` },
      cost && { text: "Cost", number: true, cell: (r) => money(costOf(r)) },
      { text: "p95", number: true, cell: (r) => ms(r.latency_p95_ms) },
      { text: "Lasted", number: true, cell: (r) => span(r.duration_s) },
      { text: "Last seen", number: true, cell: (r) => time(r.last_seen) },
    ].filter(Boolean), rows));
  },
};

/* ---- Spread of each use case, on one scale of powers ---- */

function range(r, low, high) {
  const x = (v) => (high > low ? (100 * (Math.log10(Math.max(1, v)) - low)) / (high - low) : 50);
  return svg("svg", { class: "range", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": true },
    svg("line", { class: "whisker", x1: x(r.units_min), x2: x(r.units_max), y1: 5, y2: 5 }),
    svg("rect", { class: "s0", x: x(r.units_median), width: Math.max(0.8, x(r.units_p95) - x(r.units_median)), y: 2, height: 6 }),
    svg("rect", { class: "middle", x: x(r.units_median) - 0.5, width: 1, y: 0, height: 10 }));
}

export const differPanel = {
  place: $("differ"),
  every: (state) => 3 * every(state),
  ask: (state) => [["/api/v1/history/use-cases", { ...withoutResource(state), show: "distribution", limit: 50 }]],
  show([{ rows }], state) {
    if (!rows.length) return put($("differ-table"), empty("No use case was seen in this time. ", "Name what your calls are for: ", h("code", {}, "PAYI_TRACK_CONTEXT(client, .use_case_name = \"…\")"), "."));
    const low = Math.log10(Math.max(1, Math.min(...rows.map((r) => r.units_min)))), high = Math.log10(Math.max(1, ...rows.map((r) => r.units_max)));
    const list = [...rows].sort((a, b) => b.instances - a.instances);
    put($("differ-table"), table("Use cases, and how their instances differ", [
      { text: "Use case", class: "line", cell: nameOf },
      { text: "Instances", number: true, cell: (r) => count(r.instances) },
      { text: "Least", number: true, cell: (r) => count(r.units_min) },
      { text: "Median", number: true, cell: (r) => count(r.units_median) },
      { text: "95 %", number: true, cell: (r) => count(r.units_p95) },
      { text: "Most", number: true, cell: (r) => count(r.units_max) },
      { text: "Units, on a scale of powers", class: "wide", cell: (r) => range(r, low, high) },
      { text: "Events", number: true, cell: (r) => `${compact(r.events_median)} / ${compact(r.events_max)}`, title: () => "median / most of an instance" },
      { text: "Lasted", number: true, cell: (r) => `${span(r.duration_median_s)} / ${span(r.duration_max_s)}`, title: () => "median / longest" },
    ], list));
  },
};

/* ---- One use case's steps and users ---- */

function part(place, key, what, rows, href) {
  if (!rows.length) return put($(place), empty(`No event of this use case has a ${what}.`));
  const max = Math.max(...rows.map(units));
  put($(place), table(`By ${what}`, [
    { text: what[0].toUpperCase() + what.slice(1), cell: (r) => (href ? h("a", { href: href(r), "data-key": `${what}-${r[key]}` }, r[key]) : r[key]) },
    { text: "Events", number: true, cell: (r) => count(r.events) },
    { text: "Failed", number: true, cell: (r) => percent(r.failures, r.events) },
    { text: "Units", number: true, cell: (r) => count(units(r)) },
    rows.some((r) => costOf(r) !== null) && { text: "Cost", number: true, cell: (r) => money(costOf(r)) },
    { text: "Share", class: "wide", cell: (r) => bar(units(r), max) },
  ].filter(Boolean), rows));
}

export const partsPanel = {
  place: $("parts"),
  every: (state) => 3 * every(state),
  when: (state) => Boolean(state["use-case"]),
  ask: (state) => ["steps", "users"].map((show) => ["/api/v1/history/use-cases", { ...withoutResource(state), show, limit: 12 }]),
  show([steps, users]) {
    part("steps-table", "use_case_step", "step", steps.rows);
    part("users-table", "user_id", "user", users.rows, (r) => link({ user: r.user_id }));
  },
};
