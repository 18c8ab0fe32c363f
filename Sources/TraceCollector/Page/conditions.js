// What is searched for: as the address has it, and as the collector is asked.
import { lookbackLength, lookbacks, parseDuration, plain } from "./format.js";

const defaults = {
  service: "", span: "", remote: "", q: "", min: "", max: "", errors: "", lookback: "1h", from: "", to: "", limit: "50",
  sort: "newest", live: "1", pick: "",
};

/** How many traces may be shown. */
export const limits = ["20", "50", "100", "200", "500", "1000"];

/** The orders of the list, as the collector names them. */
export const orders = [["newest", "newest"], ["longest", "longest"], ["spans", "most spans"], ["errors", "most errors"]];

/** The fields that the collector's parameters come from, and what the page calls them. */
const fields = {
  annotationQuery: ["q", "Tags"], minDuration: ["min", "The shortest duration"], maxTraceDuration: ["max", "The longest duration"],
};

export function readConditions(query) {
  const state = { ...defaults };
  for (const [key, value] of new URLSearchParams(query)) if (key in defaults) state[key] = value;
  if (!(state.lookback in lookbacks)) state.lookback = defaults.lookback;
  if (!limits.includes(state.limit)) state.limit = defaults.limit;
  if (!orders.some(([key]) => key === state.sort)) state.sort = defaults.sort;
  if (!(Number(state.to) > Number(state.from))) state.from = state.to = "";
  return state;
}

/** What differs from an empty search, for the address. */
export function addressOf(state) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) if (value !== defaults[name]) query.set(name, value);
  return query;
}

/** Whether new traces are waited for. */
export function isLive(state) { return state.live === "1" && !state.to; }

export function pickedIn(state) { return state.pick.split(".").filter((id) => /^[0-9a-f]{1,32}$/.test(id)); }

/** The question to the collector. */
export function questionOf(state) {
  const query = new URLSearchParams({ limit: state.limit });
  if (state.to) {
    query.set("endTs", Math.ceil(state.to));
    query.set("lookback", Math.max(1, Math.ceil(state.to - state.from)));
  } else query.set("lookback", lookbackLength(state.lookback));
  if (state.service) query.set("serviceName", state.service);
  if (state.span) query.set("spanName", state.span);
  if (state.remote) query.set("remoteServiceName", state.remote);
  if (state.q) query.set("annotationQuery", state.q);
  if (state.errors) query.set("errorsOnly", "true");
  if (state.min) query.set("minDuration", parseDuration(state.min));
  if (state.max) query.set("maxTraceDuration", parseDuration(state.max));
  if (state.sort !== defaults.sort) query.set("order", state.sort);
  return query;
}

/** What cannot be meant and need not be asked, each with its field. */
export function faultsOf(state) {
  const faults = ["min", "max"].filter((key) => state[key] && parseDuration(state[key]) === undefined)
    .map((field) => ({ field, text: `"${plain(state[field], 40)}" is no duration: write 250us, 100ms, 1.5s or 2m.` }));
  if (!faults.length && parseDuration(state.min) > parseDuration(state.max)) {
    faults.push({ field: "max", text: "The longest duration is below the shortest." });
  }
  return faults;
}

/** The field that the collector's sentence about a parameter is for; undefined if it is for none. */
export function faultIn(sentence) {
  const [, parameter, rest] = /^the parameter (\w+) (.*)$/s.exec(sentence) ?? [];
  const [field, name] = fields[parameter] ?? [];
  return field && { field, text: `${name} ${rest}.` };
}
