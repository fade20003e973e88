// The page: what is asked when, and what is said when nobody answers.
//
//   every 3 s        the status; more rarely while the agent does not answer; never while nobody looks
//   each panel       when its time has come and the status says that something is new, or when the address changes
//
// One round at a time, two questions at once. What was shown stays until there is something newer to show.
import { $, h, put, say } from "./dom.js";
import { get, setToken, hasToken, Failure } from "./api.js";
import { read, go, link, filters, RANGES } from "./state.js";
import { hhmmss, span, utc } from "./text.js";
import { showNow } from "./now.js";
import { usagePanel, spreadPanel, setMetric, setBy } from "./usage.js";
import { instancesPanel, differPanel, partsPanel, setSort } from "./instances.js";
import { instancePanel } from "./instance.js";
import { deadPanel, waitingPanel, onOrder } from "./letters.js";
import { segments } from "./dom.js";

const STATUS_S = 3, BACKOFF_S = 60, QUIET_S = 300; // after that, also what has not changed is asked again: time moves on
const overview = [usagePanel, instancesPanel, spreadPanel, differPanel, partsPanel];
const panels = [instancePanel, ...overview, deadPanel, waitingPanel];
let state = read(), status = null, agentNow = Date.now();
let paused = false, running = false, again = false, timer = null, delay = STATUS_S;
let answered = null, failedSince = null; // when the agent answered last; since when it has not
let round = new AbortController(); // ends when the address changes

const visible = (panel) => (panel.when ? panel.when(state) : !(state.id && overview.includes(panel)));

/* ---- One round ---- */

async function askStatus() {
  const ready = fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(10000) }).then(async (r) => (r.status === 503 ? (await r.text()).trim() : null), () => null);
  status = await get("/api/v1/status");
  agentNow = Date.parse(status.time);
  showNow({ status, notReady: await ready }, agentNow);
}

function isDue(panel) {
  if (!visible(panel)) return false;
  if (panel.due === undefined) return true;
  const now = Date.now(), fresh = panel.seen !== (panel.key || keyOfAll)(status);
  return now >= panel.due && (fresh || panel.failed || now >= panel.done + QUIET_S * 1000);
}

const keyOfAll = (s) => `${s.books.stored}/${s.sinks[0]?.dead}`;

async function refresh(panel) {
  const signal = round.signal, asked = state, key = (panel.key || keyOfAll)(status);
  panel.place.setAttribute("aria-busy", "true");
  try {
    const answers = [];
    for (const question of panel.ask(asked)) answers.push(await get(...question, signal));
    if (signal.aborted) return;
    panel.failed = false;
    complain(panel, null);
    panel.show(answers, asked, agentNow, status);
    panel.seen = key;
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    if (!(error instanceof Failure) || error.status === 0 || error.status === 401) throw error;
    panel.failed = true;
    complain(panel, error.message);
  } finally {
    panel.place.removeAttribute("aria-busy");
  }
  panel.done = Date.now();
  panel.due = panel.done + (panel.failed ? 30 : panel.every(asked)) * 1000;
}

/** Beside what the panel showed before. */
function complain(panel, text) {
  panel.complaint?.remove();
  panel.complaint = text && h("p", { class: "complaint", role: "alert" }, text);
  if (text) panel.place.append(panel.complaint);
}

async function refreshAll() {
  const list = panels.filter(isDue);
  const work = async () => {
    for (let panel = list.shift(); panel; panel = list.shift()) await refresh(panel);
  };
  await Promise.all([work(), work()]);
}

async function turn() {
  if (running) return void (again = true);
  if (document.hidden) return;
  running = true;
  clearTimeout(timer);
  try {
    await askStatus();
    await refreshAll();
    reached();
  } catch (error) {
    if (error instanceof Failure && error.status === 401) askToken();
    else unreachable(error);
  }
  running = false;
  if (again) {
    again = false;
    return turn();
  }
  if (!paused) timer = setTimeout(turn, delay * 1000);
  tellFreshness();
}

/* ---- Whether it answers ---- */

function reached() {
  answered = Date.now();
  delay = STATUS_S;
  failedSince = null;
  $("outage").hidden = true;
  document.body.classList.remove("stale");
  fillSuggestions();
}

function unreachable(error) {
  if (!failedSince) delay = STATUS_S / 2;
  failedSince ||= Date.now();
  delay = Math.min(BACKOFF_S, delay * 2);
  document.body.classList.add("stale");
  const what = error instanceof Failure ? (error.status ? error.message : "The agent has not answered") : String(error);
  put($("outage"), h("span", {}, `${what} since ${hhmmss(failedSince)}${answered ? `; what is shown is from ${hhmmss(answered)}` : ". Is it running? payi-agent status tells"}. Next try in ${span(delay)}. `),
    h("button", { type: "button", "data-key": "try", onclick: turn }, "Try now"));
  $("outage").hidden = false;
  $("verdict").className = "verdict bad";
  $("verdict").textContent = "No answer";
}

function tellFreshness() {
  const fresh = $("fresh");
  fresh.textContent = !answered ? "" : paused ? `paused at ${hhmmss(answered)}` : `${hhmmss(answered)}`;
  fresh.className = `fresh ${answered && !paused && !failedSince ? "live" : ""}`;
  fresh.title = answered ? `The agent answered last at ${utc(answered)}` : "";
}

/* ---- The token ---- */

function askToken() {
  const dialog = $("ask-token");
  delay = BACKOFF_S;
  if (dialog.open) return;
  $("token-wrong").textContent = hasToken() ? "The agent does not take this one." : "";
  $("verdict").textContent = "A token is wanted";
  dialog.showModal();
  dialog.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    setToken($("token").value.trim());
    $("token").value = "";
    dialog.close();
    delay = STATUS_S;
    turn();
  };
}

/* ---- Filters and address ---- */

const setRange = segments($("range"), "range", [["1h", "1 h"], ["24h", "24 h"], ["7d", "7 d"], ["30d", "30 d"], ["custom", "Custom"]], (range) => {
  if (range !== "custom") return go({ range, since: undefined, until: undefined });
  const since = new Date(agentNow - (RANGES[state.range] || 86400) * 1000);
  go({ range, since: since.toISOString(), until: new Date(agentNow).toISOString() });
});

const local = (iso) => {
  if (!iso) return "";
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
};
const whole = (value) => (value ? new Date(value).toISOString() : undefined);

function readFilters(event) {
  event?.preventDefault();
  const changes = {};
  for (const id of ["use-case", "resource", "user"]) changes[id] = $(id).value.trim() || undefined;
  if (state.range === "custom") Object.assign(changes, { since: whole($("since").value) || state.since, until: whole($("until").value) });
  go(changes);
}

function showState() {
  setRange(state.range);
  setMetric(state.metric);
  setBy(state.by);
  setSort(state.sort);
  $("custom").hidden = state.range !== "custom";
  $("since").value = local(state.since);
  $("until").value = local(state.until);
  for (const id of ["use-case", "resource", "user"]) $(id).value = state[id] || "";
  $("clear").hidden = !(state["use-case"] || state.resource || state.user || state.range === "custom");
  $("clear").href = link({ "use-case": undefined, resource: undefined, user: undefined, range: undefined, since: undefined, until: undefined });
  $("overview").hidden = Boolean(state.id);
  $("filters").hidden = Boolean(state.id);
  $("instance").hidden = !state.id;
  $("parts").hidden = !partsPanel.when(state);
}

function onAddress() {
  if (/^#(dead|waiting|main)$/.test(location.hash)) return; // a place in the page
  const before = state;
  state = read();
  if (before.id && !state.id) $("main").focus({ preventScroll: true });
  if (!state.id || before.id !== state.id) put($("instance"));
  showState();
  round.abort();
  round = new AbortController();
  for (const panel of [instancePanel, ...overview]) panel.due = undefined;
  turn();
}

let suggestedAt = 0;
async function fillSuggestions() {
  if (Date.now() < suggestedAt + QUIET_S * 1000) return;
  suggestedAt = Date.now();
  const fill = (id, names) => put($(id), names.filter(Boolean).map((value) => h("option", { value })));
  try {
    const names = await get("/api/v1/history/use-cases", { show: "definitions", limit: 200 });
    fill("use-cases", names.rows.map((r) => r.use_case_name));
    const { rows } = await get("/api/v1/history/series", { since: "30d", by: "resource", points: 1, top: 20 });
    fill("resources", rows.map((r) => r.resource));
  } catch {
    // they are only suggestions
  }
}

/* ---- Colours ---- */

const THEMES = { auto: "Auto", light: "Light", dark: "Dark" };

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  $("theme").textContent = THEMES[theme];
  $("theme").setAttribute("aria-label", `Colours: ${THEMES[theme]}`);
  localStorage.setItem("payi-agent-theme", theme);
}

const themeNow = () => document.documentElement.dataset.theme || "auto";

/* ---- Beginning ---- */

$("filters").addEventListener("submit", readFilters);
$("filters").addEventListener("change", (event) => event.target.type !== "radio" && readFilters());
$("theme").addEventListener("click", () => setTheme({ auto: matchMedia("(prefers-color-scheme: dark)").matches ? "light" : "dark", light: "dark", dark: "auto" }[themeNow()]));
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Go on" : "Pause";
  tellFreshness();
  clearTimeout(timer);
  if (!paused) turn();
});
document.querySelector("[data-skip]").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});
for (const id of ["dead", "waiting"])
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.(`a[href="#${id}"]`)) return;
    event.preventDefault();
    $(id).scrollIntoView({ block: "start" });
    $(`${id}-title`).focus?.();
  });
document.addEventListener("visibilitychange", () => !document.hidden && turn());
addEventListener("hashchange", onAddress);
addEventListener("error", (event) => say(`The page failed: ${event.message}`));
onOrder(() => {
  deadPanel.due = undefined;
  turn();
});
setTheme(THEMES[localStorage.getItem("payi-agent-theme")] ? localStorage.getItem("payi-agent-theme") : "auto");
$("zone").textContent = `times are local: ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
showState();
turn();
