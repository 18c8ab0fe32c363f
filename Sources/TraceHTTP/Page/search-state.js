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

/** What is searched for, shown and held back. It draws nothing and asks nobody. */
export class SearchState {
  constructor(query) {
    const conditions = (this.conditions = { ...defaults });
    for (const [key, value] of new URLSearchParams(query)) if (key in defaults) conditions[key] = value;
    if (!(conditions.lookback in lookbacks)) conditions.lookback = defaults.lookback;
    if (!limits.includes(conditions.limit)) conditions.limit = defaults.limit;
    if (!orders.some(([key]) => key === conditions.sort)) conditions.sort = defaults.sort;
    if (!(Number(conditions.to) > Number(conditions.from))) conditions.from = conditions.to = "";
  }

  /** The question to the collector. */
  get question() {
    const { conditions } = this;
    const query = new URLSearchParams({ limit: conditions.limit });
    const set = (name, value) => { if (value) query.set(name, value); };
    if (conditions.to) {
      query.set("endTs", Math.ceil(conditions.to));
      query.set("lookback", Math.max(1, Math.ceil(conditions.to - conditions.from)));
    } else query.set("lookback", lookbackLength(conditions.lookback));
    set("serviceName", conditions.service);
    set("spanName", conditions.span);
    set("remoteServiceName", conditions.remote);
    set("annotationQuery", conditions.q);
    set("errorsOnly", conditions.errors && "true");
    set("minDuration", parseDuration(conditions.min));
    set("maxTraceDuration", parseDuration(conditions.max));
    set("order", conditions.sort !== defaults.sort && conditions.sort);
    return String(query);
  }

  /** What cannot be meant and need not be asked, each with its field. */
  get faults() {
    const { conditions } = this;
    const faults = ["min", "max"].filter((key) => conditions[key] && parseDuration(conditions[key]) === undefined)
      .map((field) => ({ field, text: `"${plain(conditions[field], 40)}" is not a valid duration; write 250us, 100ms, 1.5s or 2m.` }));
    if (!faults.length && parseDuration(conditions.min) > parseDuration(conditions.max)) {
      faults.push({ field: "max", text: "The longest duration is below the shortest." });
    }
    return faults;
  }

  /** Whether new traces are waited for. */
  get isLive() { return this.conditions.live === "1" && !this.conditions.to; }

  get picked() { return this.conditions.pick.split(".").filter((id) => /^[0-9a-f]{1,32}$/.test(id)); }

  get nextLimit() { return limits[limits.indexOf(this.conditions.limit) + 1]; }

  change(changes) {
    Object.assign(this.conditions, changes);
    if ("service" in changes) this.conditions.span = changes.span ?? "";
    if ("lookback" in changes) this.conditions.from = this.conditions.to = "";
  }

  /** Chooses a trace for comparing; the last two count. */
  pick(id, isPicked) {
    const ids = this.picked.filter((other) => other !== id);
    if (isPicked) ids.push(id);
    this.conditions.pick = ids.slice(-2).join(".");
  }

  /** The next request: for the whole list, or for what is new within `wait` seconds. */
  request(wait) {
    const query = new URLSearchParams(this.question);
    if (this.isLive && this.cursor !== undefined) {
      query.set("after", this.cursor);
      query.set("wait", wait);
    }
    return query;
  }

  isNews({ cursor }) { return !cursor || cursor !== this.cursor; }

  isShown(question) { return this.shown?.search === question; }

  /** Replaces the last answer; returns whether that was to the same question. */
  show({ search, result, services }) {
    const isSame = this.isShown(search);
    this.shown = { search, traces: isSame ? this.withPicked(result.traces) : result.traces };
    this.services = services ?? this.services;
    this.waiting = undefined;
    return isSame;
  }

  /** Chosen traces stay when newer ones would push them out. */
  withPicked(traces) {
    const picked = new Set(this.picked);
    for (const { traceId } of traces) picked.delete(traceId);
    return traces.concat(this.shown.traces.filter(({ traceId }) => picked.has(traceId)));
  }

  /** The traces of the answer that waits, if it is to the question that is shown. */
  get heldBack() { return this.waiting && this.isShown(this.waiting.search) ? this.waiting.result.traces : []; }

  clear() { this.shown = this.waiting = undefined; }
}

/** What differs from an empty search, for the address. */
export function addressOf(conditions) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(conditions)) if (value !== defaults[name]) query.set(name, value);
  return query;
}

/** The field that the collector's sentence about a parameter is for; undefined if it is for none. */
export function faultIn(sentence) {
  const [, parameter, rest] = /^the parameter (\w+) (.*)$/s.exec(sentence) ?? [];
  const [field, name] = fields[parameter] ?? [];
  return field && { field, text: `${name} ${rest}.` };
}
