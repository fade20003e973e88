// The agent's API: one question, one answer, or an error that says what is wrong.

const KEY = "payi-agent-token";

/** status 0: nobody answered. */
export class Failure extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

function headers() {
  const token = sessionStorage.getItem(KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

export const setToken = (token) => sessionStorage.setItem(KEY, token);
export const hasToken = () => sessionStorage.getItem(KEY) !== null;

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", redirect: "error", ...options, headers: { ...headers(), ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, "the agent does not answer");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Failure(response.status, body.error || `the agent answered ${response.status}`);
  return body;
}

/** params: those without a value are left out. */
export function path(at, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== null && value !== "") query.set(name, value);
  const text = query.toString();
  return text ? `${at}?${text}` : at;
}

const deadline = (signal) => (signal ? AbortSignal.any([signal, AbortSignal.timeout(20000)]) : AbortSignal.timeout(20000));

export const get = (at, params, signal) => ask(path(at, params), { signal: deadline(signal) });
export const post = (at, params) => ask(path(at, params), { method: "POST", headers: { "X-Payi-Agent": "page" }, signal: deadline() });
