// Events that did not get through: the dead, to be sent again or given up, and those that wait.
import { $, h, put, table, empty, say, confirmed } from "./dom.js";
import { exact, compact, plural, time, span } from "./text.js";
import { instanceLink } from "./state.js";
import { post, Failure } from "./api.js";

let shown = 10; // of the dead
let again = () => {};
export const onOrder = (call) => (again = call);

const CASES = {
  retry: { title: (n) => `Send ${plural(n, "event")} again?`, text: "Under their own ids: what Pay-i has counted already, it counts once. What it refuses again comes back here.", yes: "Send again", done: (n) => `${plural(n, "event is", "events are")} on the way again.` },
  drop: { title: (n) => `Give up ${plural(n, "event")}?`, text: "Pay-i will never get them. They stay in the history, and are counted as discarded.", yes: "Give up", done: (n) => `${plural(n, "event was", "events were")} given up.` },
};

async function order(what, params, n) {
  const { title, text, yes, done } = CASES[what];
  if (!(await confirmed(title(n), text, yes))) return;
  try {
    say(done((await post(`/api/v1/dead/${what}`, params)).events));
  } catch (error) {
    say(error instanceof Failure ? `That failed: ${error.message}` : String(error));
  }
  again();
}

const idOf = (r) => (r.use_case_id ? h("a", { href: instanceLink(r.use_case_name, r.use_case_id), class: "id", title: r.use_case_id, "data-key": `dead-id-${r.event}` }, r.use_case_id) : "–");
const button = (what, text, params, n, key, about) => h("button", { type: "button", "data-key": key, "aria-label": `${text} ${about}`, onclick: () => order(what, params, n) }, text);

function refusal(r) {
  return [h("b", {}, [r.reason, r.http_status].filter(Boolean).join(" · ") || "–"), r.message && h("small", { class: "message" }, r.message)];
}

const key = (status) => JSON.stringify([status.sinks[0]?.dead, status.sinks[0]?.discarded, status.sinks[0]?.last_error_time]);

export const deadPanel = {
  place: $("dead"),
  every: () => 3,
  key,
  ask: () => [["/api/v1/dead", { limit: shown }]],
  show([{ rows, cursor }], state, now, status) {
    const n = status.sinks[0]?.dead ?? rows.length;
    put($("dead-actions"), n > 0 && [button("retry", `Retry all ${compact(n)}`, { all: "yes" }, n, "retry-all", "dead events"), " ", button("drop", "Drop all", { all: "yes" }, n, "drop-all", "dead events")]);
    if (!rows.length) return put($("dead-table"), empty("None. What Pay-i refuses for good is kept here, with its reason."));
    put($("dead-table"), table("Dead events", [
      { text: "Event", cell: (r) => r.event, title: (r) => r.provider_response_id },
      { text: "Refused", cell: (r) => time(r.refused_time, true) },
      { text: "Reason", class: "long", cell: refusal },
      { text: "Use case", class: "line", cell: (r) => r.use_case_name || "–" },
      { text: "Id", class: "line", cell: idOf },
      { text: "Resource", cell: (r) => r.resource || "–" },
      { text: "Tries", number: true, cell: (r) => exact(r.attempts) },
      { text: "Actions", class: "act", cell: (r) => [button("retry", "Retry", { event: r.event }, 1, `retry-${r.event}`, `event ${r.event}`), " ", button("drop", "Drop", { event: r.event }, 1, `drop-${r.event}`, `event ${r.event}`)] },
    ], rows), cursor && h("button", { type: "button", "data-key": "more-dead", onclick: () => {
      shown = Math.min(1000, shown * 5);
      again();
    } }, `Show more of the other ${compact(n - rows.length)}`));
  },
};

export const waitingPanel = {
  place: $("waiting"),
  every: () => 5,
  key: (status) => JSON.stringify([status.sinks[0]?.delivered, status.sinks[0]?.waiting, status.sinks[0]?.deferred, status.sinks[0]?.held, status.sinks[0]?.next_try]),
  ask: () => [["/api/v1/waiting", { limit: 10 }]],
  show([{ rows, cursor }], state, now, status) {
    const sink = status.sinks[0], n = sink ? sink.waiting + sink.deferred + sink.held : rows.length;
    if (!rows.length) return put($("waiting-table"), empty("Nothing waits: Pay-i has all that was stored."));
    put($("waiting-table"), table("Waiting events", [
      { text: "Event", cell: (r) => r.event },
      { text: "Stored", cell: (r) => time(r.stored_time, true), title: (r) => `${span((now - Date.parse(r.stored_time)) / 1000)} ago` },
      { text: "Delivery", cell: (r) => r.delivery },
      { text: "Why", class: "long", cell: (r) => (r.reason || r.http_status || r.message ? refusal(r) : r.delivery === "held" ? "until its use case has an id" : "not sent yet") },
      { text: "Next try", cell: (r) => (r.retry_time ? time(r.retry_time, true) : "–") },
      { text: "Tries", number: true, cell: (r) => exact(r.attempts) },
      { text: "Use case", class: "line", cell: (r) => r.use_case_name || "–" },
      { text: "Id", class: "line", cell: idOf },
      { text: "Resource", cell: (r) => r.resource || "–" },
    ], rows), cursor && n > rows.length && h("p", { class: "note" }, `and ${compact(n - rows.length)} more`));
  },
};
