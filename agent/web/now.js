// What an operator asks first: is all well, and if not, what is to be done? Tiles, the list of what needs a look, the
// books, and the rings; all from /api/v1/status and /readyz.
import { $, h, svg, put, table, empty } from "./dom.js";
import { count, compact, exact, plural, time, span, bytes, moment } from "./text.js";

const MINUTE = 60, since = (t, now) => (now - Date.parse(t)) / 1000;
const dropped = (b) => b.dropped_full + b.dropped_too_big + b.dropped_busy;
const left = (s) => s.waiting + s.deferred + s.held;

/** [bad or warn, what, what to do] */
export function troubles({ status, notReady }, now) {
  const out = [], b = status.books, sink = status.sinks[0], add = (level, text, hint) => out.push([level, text, hint]);
  if (notReady) add("bad", `Not ready: ${notReady}`, "see the agent's log");
  if (status.agent.heartbeat_age_us > 5e6) add("bad", `The agent has not looked at the rings for ${span(status.agent.heartbeat_age_us / 1e6)}`, "events pile up in the rings; see its log");
  if (!b.balanced) add("bad", `The books do not balance: ${b.unbalanced}`, "please report this, with the output of payi-agent status --json");
  if (sink) {
    const fails = sink.last_error_time && !(sink.last_success > sink.last_error_time) && !["idle", "sending"].includes(sink.state);
    if (fails) add(sink.state === "waiting" ? "warn" : "bad", `Pay-i does not get events (${sink.state}): ${sink.last_error}`,
      sink.next_try ? `they are kept, and tried again at ${moment(sink.next_try, true)}` : "they are kept; payi-agent doctor says more");
    else if (left(sink) && sink.oldest_waiting && since(sink.oldest_waiting, now) > 10 * MINUTE)
      add("warn", `${plural(left(sink), "event")} wait, the oldest for ${span(since(sink.oldest_waiting, now))}`, "see Waiting events");
    if (sink.dead) add("warn", `${plural(sink.dead, "event is", "events are")} dead: Pay-i refused them`, "retry or drop them below");
  }
  if (dropped(b)) add("warn", `${plural(dropped(b), "event was", "events were")} dropped: ${[[b.dropped_full, "ring full"], [b.dropped_too_big, "too big"], [b.dropped_busy, "all lanes busy"]].filter(([n]) => n).map(([n, why]) => `${compact(n)} ${why}`).join(", ")}`,
    b.dropped_full ? "larger rings (ring_bytes), or PAYI_WHEN_FULL_BLOCK" : "");
  if (b.rejected) add("warn", `${plural(b.rejected, "record")} read from rings made no valid event`, "see the table rejected_records");
  const aside = status.rings.filter((r) => ["aside", "unreadable"].includes(r.state));
  if (aside.length) add("warn", `${plural(aside.length, "ring")} put aside: ${aside[0].note || aside[0].state}`, "see Rings");
  return out;
}

/* ---- The rate, as the page itself has seen it ---- */

const samples = []; // [ms, tracked]

function remember(status) {
  const at = Date.parse(status.time);
  const last = samples.at(-1);
  if (last && (at <= last[0] || status.books.tracked < last[1])) samples.length = 0;
  samples.push([at, status.books.tracked]);
  if (samples.length > 61) samples.shift();
}

function rates() {
  return samples.slice(1).map(([at, n], i) => ((n - samples[i][1]) * 1000) / (at - samples[i][0]));
}

function spark() {
  const values = rates(), max = Math.max(...values, 1e-9);
  const points = values.map((v, i) => `${(100 - (values.length - 1 - i) * (100 / 59)).toFixed(1)},${(23 - (v / max) * 21).toFixed(1)}`);
  return svg("svg", { class: "spark", viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": true },
    points.length > 1 && svg("polyline", { points: points.join(" ") }));
}

/* ---- Tiles ---- */

const tile = (name, value, sub, { level, extra, href } = {}) =>
  h(href ? "a" : "div", { class: `tile ${level || ""}`, href, "data-key": href && `tile-${name}` }, h("span", { class: "name" }, name), h("span", { class: "value" }, value), h("span", { class: "sub" }, sub), extra);

function tiles({ status, notReady }, now) {
  const b = status.books, sink = status.sinks[0], rate = rates().at(-1);
  const fine = sink && ["idle", "sending"].includes(sink.state);
  const out = [
    tile("Agent", notReady ? "not ready" : status.agent.running ? "draining" : "not running",
      [status.agent.who || "", status.agent.heartbeat_age_us >= 0 && ` · looked ${span(status.agent.heartbeat_age_us / 1e6)} ago`], { level: notReady || !status.agent.running ? "bad" : "good" }),
    tile("Tracked", count(b.tracked), rate === undefined ? "measuring its rate" : [compact(Number(rate.toFixed(rate < 10 ? 1 : 0))), " a second now"], { extra: spark() }),
  ];
  if (sink) {
    out.push(
      tile("Delivery", sink.state, sink.last_success ? ["last success ", time(sink.last_success, true)] : "nothing delivered yet", { level: fine ? "good" : sink.state === "starting" ? "" : "bad" }),
      tile("Waiting", count(left(sink)), left(sink) && sink.oldest_waiting ? ["oldest for ", h("span", { title: sink.oldest_waiting }, span(since(sink.oldest_waiting, now)))] : "nothing waits", { level: left(sink) && !fine ? "warn" : "" , href: left(sink) ? "#waiting" : null }),
      tile("Dead", count(sink.dead), sink.dead ? "refused by Pay-i" : "none refused", { level: sink.dead ? "warn" : "", href: sink.dead ? "#dead" : null }));
  }
  out.push(tile("Dropped", count(dropped(b)), dropped(b) ? "before they were stored" : "nothing was lost", { level: dropped(b) ? "warn" : "" }));
  return out;
}

/* ---- Books ---- */

/** terms: [name, number, mark, what it means] */
function sum(title, total, terms, wrong) {
  const shown = terms.filter(([, n]) => n > 0);
  return h("div", { class: "sum" },
    h("h3", {}, title, " ", h("b", {}, exact(total)), wrong ? h("span", { class: "bad" }, ` does not add up`) : h("span", { class: "good" }, " = the sum")),
    h("div", { class: "bar", "aria-hidden": true }, shown.map(([, n, mark]) => h("i", { class: mark, css: { flex: `${n} 1 0`, "min-width": "3px" } }))),
    h("dl", {}, terms.map(([name, n, mark, what]) => h("div", { class: n ? "" : "none", title: what }, h("dt", {}, h("i", { class: `dot ${mark}` }), name), h("dd", {}, exact(n))))));
}

function books(status) {
  const b = status.books, sink = status.sinks[0];
  const more = [["refused at the call", b.refused, "the event was not valid; payi_track() said why"], ["ring full", b.dropped_full, "dropped"], ["too big", b.dropped_too_big, "dropped"],
    ["all lanes busy", b.dropped_busy, "dropped"], ["interrupted", b.interrupted, "their process was killed in the middle of the call"]];
  return [
    sum("Tracked", b.tracked, [["stored", b.stored, "s2", "in the database"], ["in rings", b.in_rings, "s0", "not stored yet"], ["said of use cases", b.notices, "s6", "definitions and ids, which are no events"],
      ["rejected", b.rejected, "s3", "read, but not valid"]], b.tracked !== b.stored + b.in_rings + b.notices + b.rejected),
    sink && sum("Stored", sink.stored, [["delivered", sink.delivered, "s2", "Pay-i has them"], ["waiting", sink.waiting, "s0", "not sent yet"], ["deferred", sink.deferred, "s1", "to be sent again"], ["held", sink.held, "s4", "until their use case has its id"],
      ["dead", sink.dead, "s3", "refused for good"], ["discarded", sink.discarded, "rest", "were dead, and given up"]], sink.stored !== sink.delivered + left(sink) + sink.dead + sink.discarded),
    h("h3", {}, "Never in a ring"),
    h("dl", { class: "plain" }, more.map(([name, n, what]) => h("div", { class: n ? "warn" : "none", title: what }, h("dt", {}, name), h("dd", {}, exact(n))))),
    status.retention?.length > 0 && [h("h3", {}, "Taken by retention"), h("dl", { class: "plain" }, status.retention.map((r) =>
      h("div", { class: r.what === "undelivered" ? "warn" : "", title: r.last && `the last at ${moment(r.last, true)}` }, h("dt", {}, `${r.what}, by ${r.reason}`), h("dd", {}, exact(r.n)))))],
    h("p", { class: "note" }, `Database ${bytes(status.database.bytes)}, write-ahead log ${bytes(status.database.wal_bytes)}`),
  ];
}

const losses = (r) => r.dropped_full + r.dropped_too_big + r.dropped_busy;

function rings(status) {
  if (!status.rings.length) return empty("No application has a ring now. ", "It gets one with its first payi_track(); this agent looks in ", h("code", {}, status.ring_dir), ".");
  return table("Rings", [
    { text: "Application", cell: (r) => r.app_name || "–", title: (r) => `ring ${r.ring}` },
    { text: "pid", number: true, cell: (r) => r.pid },
    { text: "State", cell: (r) => h("span", { class: `state ${r.state === "live" ? "good" : ["aside", "unreadable"].includes(r.state) ? "bad" : ""}`, title: r.note }, r.state) },
    { text: "Behind", number: true, cell: (r) => (r.lag_events ? [compact(r.lag_events), h("small", {}, ` ${bytes(r.lag_bytes)}`)] : "0") },
    { text: "Records", number: true, cell: (r) => count(r.records) },
    { text: "Dropped", number: true, cell: (r) => h("span", { class: losses(r) && "warn" }, exact(losses(r))), title: (r) => `full ${r.dropped_full}, too big ${r.dropped_too_big}, busy ${r.dropped_busy}` },
    { text: "Refused", number: true, cell: (r) => exact(r.refused + r.rejected) },
  ], status.rings);
}

/* ---- All of it ---- */

export function showNow(news, now) {
  const { status } = news, list = troubles(news, now), verdict = $("verdict");
  remember(status);
  const worst = list.some(([level]) => level === "bad") ? "bad" : list.length ? "warn" : "good";
  const text = list.length ? `${plural(list.length, "thing needs", "things need")} a look` : "All is well";
  if (verdict.textContent !== text) verdict.textContent = text;
  verdict.className = `verdict ${worst}`;
  document.title = `${worst === "good" ? "" : "▲ "}payi-agent`;
  put($("tiles"), tiles(news, now));
  put($("notes"), list.map(([level, what, hint]) => h("li", { class: level }, h("span", {}, what), hint && h("small", {}, hint))));
  put($("books-body"), books(status));
  put($("rings-table"), rings(status));
  $("place").textContent = status.database.path;
}
