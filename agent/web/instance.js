// One use case instance, call by call, the first call first; however far apart they are.
import { $, h, put, empty } from "./dom.js";
import { count, exact, ms, span, time, moment, percent, money } from "./text.js";
import { link } from "./state.js";
import { units } from "./usage.js";
import { costOf } from "./cost.js";
import { get } from "./api.js";

const PAGE = 100, GAP_S = 1800;
const shown = { key: null, rows: [], cursor: null };

const keyOf = (state) => JSON.stringify([state.name, state.id]);
const question = (state, cursor) => ["/api/v1/history/events", { "use-case": state.name, id: state.id, reverse: "yes", limit: PAGE, cursor }];

const steps = new Map();
const markOf = (step) => {
  if (!steps.has(step)) steps.set(step, `s${steps.size % 8}`);
  return steps.get(step);
};

function facts(event) {
  const all = [["Event", event.event], ["Id at Pay-i", event.provider_response_id], ["Delivery", event.delivery], ["Category", event.category], ["Units", event.units], ["Version", event.use_case_version],
    ["First token", event.time_to_first_token_ms === null ? null : ms(event.time_to_first_token_ms)], ["User", event.user_id], ["Account", event.account_name], ["Scope", event.scope], ["Limits", event.limit_ids],
    ["Properties", event.properties], ["Use case properties", event.use_case_properties], ["Application", event.app_name], ["Stored", event.stored_time], ["Service id", event.service_id], ["Estimated cost", costOf(event) === null ? null : money(costOf(event))], ["No price for", event.unpriced_units], ["Cost, says Pay-i", event.service_cost_usd == null ? null : money(event.service_cost_usd)]];
  return h("dl", { class: "facts" }, all.filter(([, v]) => v !== null && v !== undefined).map(([name, v]) => h("div", {}, h("dt", {}, name), h("dd", {}, typeof v === "object" ? JSON.stringify(v) : String(v)))));
}

function call(event, slowest, most) {
  const bad = event.failed, share = (n, max) => `${max ? Math.max(0.5, (100 * n) / max) : 0}%`;
  return h("li", { class: bad ? "call failed" : "call" }, h("details", {},
    h("summary", { "data-key": `event-${event.event}` },
      h("span", { class: "when" }, time(event.event_time, true)),
      h("span", { class: "what" }, event.use_case_step && h("span", { class: "step" }, h("i", { class: `dot ${markOf(event.use_case_step)}` }), event.use_case_step), h("span", { class: "resource" }, event.resource || event.category)),
      h("span", { class: "took", title: event.time_to_first_token_ms === null ? null : `first token after ${ms(event.time_to_first_token_ms)}` },
        h("span", { class: "track", "aria-hidden": true }, h("i", { class: event.use_case_step ? markOf(event.use_case_step) : "s0", css: { width: share(event.end_to_end_latency_ms || 0, slowest) } })), h("b", {}, ms(event.end_to_end_latency_ms))),
      h("span", { class: "used", title: `${exact(event.input_units)} in, ${exact(event.output_units)} out` },
        h("span", { class: "track", "aria-hidden": true }, h("i", { class: "rest", css: { width: share(event.input_units, most) } }), h("i", { class: "s0", css: { width: share(event.output_units, most) } })),
        h("b", {}, count(event.input_units), " → ", count(event.output_units))),
      h("span", { class: `status ${bad ? "bad" : ""}` }, event.http_status_code ?? "–"),
      h("span", { class: "who" }, event.user_id || "")),
    facts(event)));
}

function calls(rows) {
  const slowest = Math.max(...rows.map((r) => r.end_to_end_latency_ms || 0)), most = Math.max(...rows.map(units));
  let before = null;
  return rows.flatMap((event) => {
    const at = Date.parse(event.event_time), pause = before === null ? 0 : (at - before) / 1000;
    before = at;
    return [pause > GAP_S && h("li", { class: "pause" }, `${span(pause)} later`), call(event, slowest, most)];
  });
}

function head(state, summary) {
  const back = h("a", { href: link({ name: undefined, id: undefined }), class: "back", "data-key": "back" }, "← All instances");
  const one = (name, value, sub) => h("div", {}, h("span", { class: "name" }, name), h("span", { class: "value" }, value), h("span", { class: "sub" }, sub));
  const title = [h("h2", { id: "instance-title", tabindex: -1 }, h("span", { class: "faint" }, state.name ? `${state.name} / ` : ""), state.id)];
  if (!summary) return [back, title];
  return [back, title,
    h("p", { class: "note" }, "seen from ", time(summary.first_seen), " to ", time(summary.last_seen), `, over ${span(summary.duration_s)}; idle for ${span(summary.idle_s)}`,
      summary.service_id_state && `; its id is ${summary.service_id_state === "given" ? `${summary.service_id} at Pay-i` : summary.service_id_state}`),
    h("div", { class: "sums" }, one("Events", count(summary.events)), one("Failed", count(summary.failures), percent(summary.failures, summary.events)), one("Input units", count(summary.input_units)), one("Output units", count(summary.output_units)),
      one("Latency p50", ms(summary.latency_p50_ms)), one("p95", ms(summary.latency_p95_ms)), one("Users", exact(summary.users)), costOf(summary) !== null && one("Estimated cost", money(costOf(summary)))),
    h("p", { class: "chips" }, Object.entries(summary.step_events || {}).map(([step, n]) => h("span", { class: "chip" }, h("i", { class: `dot ${markOf(step)}` }), step, " ", h("b", {}, exact(n)))))];
}

function draw(state, summary) {
  const { rows, cursor } = shown, open = new Set([...$("instance").querySelectorAll("details[open] > summary")].map((s) => s.dataset.key));
  const more = cursor && h("button", { type: "button", "data-key": "more", onclick: () => showMore(state, summary) }, `Show more calls after ${moment(rows.at(-1).event_time)}`);
  put($("instance"), h("section", { class: "card", "aria-labelledby": "instance-title" }, head(state, summary),
    rows.length ? h("ol", { class: "calls" }, h("li", { class: "columns", "aria-hidden": true }, ["Time", "Step, resource", "Latency", "Units, in and out", "HTTP", "User"].map((name) => h("span", {}, name))), calls(rows)) : empty("No call of this instance is in the history. Its name or id may be spelt otherwise, or retention has taken them."), more));
  for (const key of open) $("instance").querySelector(`[data-key="${CSS.escape(key)}"]`)?.parentElement.setAttribute("open", "");
}

async function showMore(state, summary) {
  const { rows, cursor } = await get(...question(state, shown.cursor));
  shown.rows.push(...rows);
  shown.cursor = cursor;
  draw(state, summary);
}

export const instancePanel = {
  place: $("instance"),
  every: () => 10,
  when: (state) => Boolean(state.id),
  ask: (state) => [question(state), ["/api/v1/history/use-cases", { "use-case": state.name, id: state.id, limit: 1 }]],
  show([{ rows, cursor }, use], state) {
    const first = shown.key !== keyOf(state);
    const more = !first && shown.rows.length > rows.length; // what was asked for beyond the first page stays
    if (!more) Object.assign(shown, { rows, cursor });
    shown.key = keyOf(state);
    draw(state, use.rows[0]);
    if (first) $("instance-title").focus();
  },
};
