// What was used, over the time asked for: sums, the plot stacked by use case, resource or category, latencies, how
// instances differ. All from rollups, but for minutes and users.
import { $, h, put, table, empty, segments } from "./dom.js";
import { count, compact, exact, percent, ms, money, plural } from "./text.js";
import { filters, times, go, link, RANGES } from "./state.js";
import { Plot, stacked, lines } from "./plot.js";
import { slots, slotOf, ticks, slotTitle } from "./timeline.js";
import { costOf } from "./cost.js";

export const units = (row) => row.input_units + row.output_units;
const METRICS = {
  units: { text: "Units", of: units, format: compact, full: exact },
  events: { text: "Events", of: (r) => r.events, format: compact, full: exact },
  failures: { text: "Failed", of: (r) => r.failures, format: compact, full: exact },
  cost: { text: "Cost", of: (r) => costOf(r) || 0, format: (v) => (v === 0 || v >= 10 ? `$${compact(v)}` : money(v)), full: (v) => money(v) },
};
const KEYS = { "use-case": "use_case_name", resource: "resource", category: "category" };
const KEY_TEXT = { "use-case": "use case", resource: "resource", category: "category" };
const MARKS = 8;

export const setMetric = segments($("metric"), "metric", Object.entries(METRICS).map(([k, m]) => [k, m.text]), (metric) => go({ metric }));
export const setBy = segments($("by"), "by", [["use-case", "Use case"], ["resource", "Resource"], ["category", "Category"]], (by) => go({ by }));

/* ---- Colours: a name keeps its own while the page is open ---- */

const given = { "use-case": new Map(), resource: new Map(), category: new Map() };

function marks(by, names) {
  const map = given[by];
  for (const name of names) {
    if (map.has(name)) continue;
    const used = new Set([...map].filter(([n]) => names.includes(n)).map(([, i]) => i));
    let free = 0;
    while (used.has(free) && free < MARKS - 1) free++;
    map.set(name, free);
  }
  return (name) => `s${map.get(name)}`;
}

/* ---- The plot ---- */

const plots = { usage: new Plot($("usage-plot")), latency: new Plot($("latency-plot")), spread: new Plot($("spread-plot")) };

const picks = (grid) => (grid.ms <= 3600000 && grid.n <= 2 ? undefined : (a, b) =>
  go({ range: "custom", since: new Date(grid.first + a * grid.ms).toISOString(), until: new Date(grid.first + (b + 1) * grid.ms).toISOString() }));

const EXAMPLE = `echo '{"category":"system.openai","resource":"gpt-4o","units":{"text":{"input":100,"output":50}}}' | payi-agent track`;
const nothing = (state, stored) => (!stored ? empty("Nothing was tracked yet. An application does it by payi_track(); or try: ", h("code", {}, EXAMPLE))
  : empty("Nothing was tracked in this time", state["use-case"] || state.resource || state.user ? " with these filters. " : ". ",
    h("a", { href: link({ range: "30d", since: undefined, until: undefined, "use-case": undefined, resource: undefined, user: undefined }) }, "Show all of the last 30 days")));

/** Rows of (time, key) as one series per key, the greatest first; and those that were added up, last. */
function seriesOf(rows, by, grid, metric) {
  const all = new Map();
  for (const row of rows) {
    const name = row.others ? null : row[KEYS[by]] ?? "";
    if (!all.has(name)) all.set(name, { name, values: new Array(grid.n).fill(0), total: 0, rows: [] });
    const series = all.get(name), slot = slotOf(grid, row), value = metric.of(row);
    series.values[slot] += value;
    series.total += value;
    series.rows.push(row);
    if (row.others) series.others = row.others;
  }
  const list = [...all.values()].sort((a, b) => (a.name === null) - (b.name === null) || b.total - a.total);
  const mark = marks(by, list.filter((s) => s.name !== null).map((s) => s.name));
  for (const s of list) {
    s.mark = s.name === null ? "rest" : mark(s.name);
    s.text = s.name === null ? `${s.others} other${s.others === 1 ? "" : "s"}` : s.name || `(no ${KEY_TEXT[by]})`;
  }
  return list;
}

const add = (rows, of) => rows.reduce((n, row) => n + (of(row) || 0), 0);

function showUsage(rows, state, grid, stored) {
  const metric = METRICS[state.metric] || METRICS.units;
  if (!rows.length) {
    put($("legend"));
    return plots.usage.clear(nothing(state, stored));
  }
  const series = seriesOf(rows, state.by, grid, metric);
  const totals = Array.from({ length: grid.n }, (_, i) => series.reduce((n, s) => n + s.values[i], 0));
  plots.usage.show({
    n: grid.n, max: Math.max(...totals), axis: metric.format, ticks: ticks(grid), label: `${metric.text} over time by ${KEY_TEXT[state.by]}`,
    draw: stacked(series), pick: picks(grid),
    read: (i) => ({ title: slotTitle(grid, i), rows: [...series.filter((s) => s.values[i]).map((s) => ({ mark: s.mark, name: s.text, text: metric.full(s.values[i]) })), { name: "all", text: metric.full(totals[i]) }] }),
    columns: ["Time", ...series.map((s) => s.text), "All"],
    row: (i) => totals[i] && [slotTitle(grid, i), ...series.map((s) => metric.full(s.values[i])), metric.full(totals[i])],
  });
  showLegend(series, state);
}

function showLegend(series, state) {
  const metric = METRICS[state.metric] || METRICS.units, total = series.reduce((n, s) => n + s.total, 0);
  const to = (s) => (s.name && state.by !== "category" ? h("a", { href: link({ [state.by]: s.name }), "data-key": `legend-${s.name}`, title: `Only ${s.name}` }, s.text) : s.text);
  put($("legend"), table(`By ${KEY_TEXT[state.by]}`, [
    { text: KEY_TEXT[state.by][0].toUpperCase() + KEY_TEXT[state.by].slice(1), cell: (s) => [h("i", { class: `dot ${s.mark}` }), to(s)] },
    { text: "Events", number: true, cell: (s) => count(add(s.rows, (r) => r.events)) },
    { text: "Failed", number: true, cell: (s) => percent(add(s.rows, (r) => r.failures), add(s.rows, (r) => r.events)) },
    { text: metric === METRICS.cost ? "Cost" : "Units", number: true, cell: (s) => (metric === METRICS.cost ? money(s.total) : count(add(s.rows, units))) },
    { text: "Share", number: true, cell: (s) => percent(s.total, total) },
  ], series));
}

/* ---- Sums and latencies ---- */

let priced = true; // as answered last

function showSums(rows, all, unpriced) {
  const events = add(rows, (r) => r.events), failures = add(rows, (r) => r.failures);
  const p = (key) => (all.length === 1 ? ms(all[0][key]) : "–");
  const cost = rows.some((r) => costOf(r) !== null);
  const one = (name, value, sub) => h("div", {}, h("span", { class: "name" }, name), h("span", { class: "value" }, value), h("span", { class: "sub" }, sub));
  put($("sums"),
    one("Events", count(events)),
    one("Input units", count(add(rows, (r) => r.input_units))),
    one("Output units", count(add(rows, (r) => r.output_units))),
    one("Failed", count(failures), percent(failures, events)),
    one("Latency p50", p("latency_p50_ms")),
    one("p95", p("latency_p95_ms")),
    cost && one("Estimated cost", money(add(rows, costOf)), unpriced.length ? h("span", { class: "warn", title: unpriced.map((r) => `${r.resource || r.category}: ${r.unit_type}`).join(", ") }, `without ${plural(unpriced.length, "unit type")} that have no price`) : "by known prices"));
}

const PERCENTILES = [["p50", "latency_p50_ms", "s2"], ["p95", "latency_p95_ms", "s1"], ["p99", "latency_p99_ms", "s3"]];

function showLatency(rows, state, grid) {
  if (!rows.some((r) => r.latency_p50_ms !== null)) return plots.latency.clear(empty(rows.length ? "No event of this time has a latency." : "Nothing to measure in this time."));
  const series = PERCENTILES.map(([name, key, mark]) => {
    const values = new Array(grid.n).fill(null);
    for (const row of rows) values[slotOf(grid, row)] = row[key];
    return { name, mark, values };
  }).reverse();
  const events = new Array(grid.n).fill(0);
  for (const row of rows) events[slotOf(grid, row)] = row.events;
  plots.latency.show({
    n: grid.n, max: Math.max(...series[0].values.map((v) => v || 0), 1), axis: (v) => (v ? ms(v) : "0"), ticks: ticks(grid), label: "Latency percentiles over time",
    draw: lines(series), pick: picks(grid),
    read: (i) => ({ title: slotTitle(grid, i), rows: [...series.map((s) => ({ name: s.name, mark: s.mark, text: ms(s.values[i]) })), { name: "events", text: exact(events[i]) }] }),
    columns: ["Time", "p99", "p95", "p50", "Events"],
    row: (i) => events[i] && [slotTitle(grid, i), ...series.map((s) => ms(s.values[i])), exact(events[i])],
  });
}

/* ---- How instances differ ---- */

const bound = (n) => compact(n);

function showSpread(rows, state) {
  const n = rows.reduce((sum, r) => sum + r.instances, 0);
  $("spread-note").textContent = n ? plural(n, "instance") + " seen in this time, by the units of all their calls" : "";
  if (!n) return plots.spread.clear(empty("No use case instance was seen in this time. ", "Events belong to one when they have a use case name and id."));
  const all = [];
  for (let i = 0, at = rows[0].units_from; i < 100 && at <= rows.at(-1).units_from; i++) {
    const row = rows.find((r) => r.units_from === at) || { units_from: at, units_below: next(at), instances: 0, events: 0, units: 0 };
    all.push(row);
    at = row.units_below;
  }
  let below = 0;
  const upto = all.map((r) => (below += r.instances));
  const at = (share) => upto.findIndex((c) => c >= n * share);
  $("spread-note").textContent = `of ${plural(n, "instance")}, half used less than ${bound(all[at(0.5)].units_below)}, 95 % less than ${bound(all[at(0.95)].units_below)}`;
  plots.spread.show({
    n: all.length, max: Math.max(...all.map((r) => r.instances)), axis: compact, label: "Instances by their units",
    ticks: all.flatMap((r, i) => (/^10*$/.test(r.units_from) || all.length < 8 ? [{ at: i, text: bound(r.units_from) }] : [])),
    draw: stacked([{ mark: "s0", values: all.map((r) => r.instances) }]),
    read: (i) => ({ title: `${bound(all[i].units_from)} to ${bound(all[i].units_below)} units`, rows: [{ name: "instances", text: exact(all[i].instances) }, { name: "of all", text: percent(all[i].instances, n) }, { name: "so far", text: percent(upto[i], n) }, { name: "their units", text: exact(all[i].units) }] }),
    columns: ["Units from", "below", "Instances", "So far", "Their units"],
    row: (i) => [exact(all[i].units_from), exact(all[i].units_below), exact(all[i].instances), percent(upto[i], n), exact(all[i].units)],
  });
}

/** The class above one that is empty, and so is not told. */
function next(at) {
  const small = [0, 1, 2, 3, 5, 7, 10], large = [10, 15, 22, 33, 47, 68, 100];
  if (at < 10) return small[small.indexOf(at) + 1];
  const power = 10 ** Math.floor(Math.log10(at) + 1e-9) / 10;
  return large[large.indexOf(Math.round(at / power)) + 1] * power;
}

/* ---- The panels ---- */

const width = (state) => ({ "1h": 120, "24h": 900, "7d": 7200, "30d": 28800 })[state.range] || 3600;
const every = (state) => ({ "1h": 10, "24h": 30 })[state.range] || 60;

export const usagePanel = {
  place: $("usage"),
  also: $("latency"),
  every,
  ask(state) {
    const { user, ...rest } = filters(state);
    return [
      ["/api/v1/history/series", { ...rest, user, by: state.by, sort: state.metric }],
      ["/api/v1/history/series", { ...rest, user }],
      ["/api/v1/history/series", { ...rest, user, points: 1 }],
      ...(priced && !user ? [["/api/v1/history/usage", { ...rest, show: "unpriced", limit: 20 }]] : []),
    ];
  },
  show([byKey, all, whole, unpriced], state, now, status) {
    const grid = slots(all.rows, times(state, now), width(state));
    priced = all.rows.some((r) => costOf(r) !== null);
    for (const choice of document.querySelectorAll("[value=cost]")) choice.parentElement.hidden = !priced && !choice.checked;
    $("usage-note").textContent = state.range === "custom" ? slotTitle({ first: grid.first, ms: grid.n * grid.ms }, 0) : `the last ${{ "1h": "hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days" }[state.range]}, in whole hours`;
    showSums(all.rows, whole.rows, unpriced?.rows || []);
    showUsage(byKey.rows, state, grid, status.books.stored);
    showLatency(all.rows, state, grid);
  },
};

export const spreadPanel = {
  place: $("spread"),
  every,
  ask: (state) => {
    const { resource, ...rest } = filters(state);
    return [["/api/v1/history/use-cases", { ...rest, show: "histogram", limit: 1000 }]];
  },
  show: ([answer], state) => showSpread(answer.rows, state),
};
