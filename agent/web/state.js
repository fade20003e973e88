// What the page shows, as the address has it after the #: so every view can be linked to, and Back goes back.

export const RANGES = { "1h": 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400 };
const DEFAULTS = { range: "24h", by: "use-case", metric: "units", sort: "units" };
const KNOWN = ["range", "since", "until", "use-case", "resource", "user", "by", "metric", "sort", "name", "id"];

export function read() {
  const params = new URLSearchParams(location.hash.slice(1));
  const state = { ...DEFAULTS };
  for (const key of KNOWN) if (params.get(key)) state[key] = params.get(key);
  if (!RANGES[state.range]) state.range = state.range === "custom" && !Number.isNaN(Date.parse(state.since)) ? "custom" : DEFAULTS.range;
  if (state.range !== "custom") delete state.since, delete state.until;
  else if (Number.isNaN(Date.parse(state.until)) || Date.parse(state.until) <= Date.parse(state.since)) delete state.until;
  return state;
}

/** The address of this state with these changes; undefined takes a part out. */
export function link(changes = {}, from = read()) {
  const params = new URLSearchParams();
  const state = { ...from, ...changes };
  for (const key of KNOWN) if (state[key] !== undefined && state[key] !== "" && state[key] !== DEFAULTS[key]) params.set(key, state[key]);
  return `#${params}`;
}

export function go(changes) {
  const to = link(changes);
  if (to !== location.hash && !(to === "#" && !location.hash)) location.hash = to;
}

export const instanceLink = (name, id) => link({ name: name ?? undefined, id: id ?? undefined });

/** The parameters of time and filters, as the API takes them. */
export function filters(state) {
  const time = state.range === "custom" ? { since: state.since, until: state.until } : { since: state.range };
  return { ...time, "use-case": state["use-case"], resource: state.resource, user: state.user };
}

/** The time asked for, in milliseconds; now is the agent's. */
export function times(state, now) {
  if (state.range === "custom") return [Date.parse(state.since), state.until ? Date.parse(state.until) : now];
  return [now - RANGES[state.range] * 1000, now];
}
