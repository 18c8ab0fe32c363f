// Numbers, times and texts for people.

/** Text, cut to a length. */
export function plain(text, length = 300) {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** The smallest of 1, 2 and 5 times a power of ten that divides a length into at most so many parts. */
export function stepOf(length, parts) {
  const least = Math.max(1, length / parts);
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least * 0.9999) ?? 10);
}

/** Microseconds as 850 µs, 12.3 ms, 4.56 s, 3 min 12 s; for an axis with a step, as 0.5 ms, 20 ms. */
export function duration(micros, step) {
  if (!(micros > 0)) return "0 ms";
  if (step && micros < 60e6) {
    const [unit, name] = micros < 1000 ? [1, "µs"] : micros < 1e6 ? [1e3, "ms"] : [1e6, "s"];
    const places = Math.max(0, Math.ceil(Math.log10(unit / step) - 1e-9));
    return `${(micros / unit).toFixed(Math.min(places, 6))} ${name}`;
  }
  if (micros < 1000) return `${Math.round(micros)} µs`;
  if (micros < 999950) return `${digits(micros / 1000)} ms`;
  if (micros < 59.995e6) return `${digits(micros / 1e6)} s`;
  const seconds = Math.round(micros / 1e6);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** Three digits, trailing zeros included, so that columns align; whole numbers from 100 on. */
function digits(value) {
  if (value < 0.1) return value.toPrecision(2);
  return value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

/** Parses "250us", "100ms", "1.5s", "2m", or a number of milliseconds. Returns microseconds, or undefined. */
export function parseDuration(text) {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(us|µs|ms|s|m|min)?\s*$/i.exec(text ?? "");
  if (!match) return undefined;
  const unit = { us: 1, "µs": 1, ms: 1e3, s: 1e6, m: 60e6, min: 60e6 }[(match[2] ?? "ms").toLowerCase()];
  return Math.max(1, Math.round(Number(match[1]) * unit));
}

export function clock(micros) {
  if (!(micros > 0)) return "–";
  const date = new Date(micros / 1000);
  const pad = (value, length = 2) => String(value).padStart(length, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part)).join(":");
  return `${time}.${pad(date.getMilliseconds(), 3)}`;
}

export function moment(micros) {
  if (!(micros > 0)) return "unknown";
  const date = new Date(micros / 1000);
  const day = date.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
  return `${day}, ${clock(micros)}`;
}

export function ago(micros) {
  if (!(micros > 0)) return "";
  const seconds = Math.round((Date.now() - micros / 1000) / 1000);
  if (seconds < 2) return "just now";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/** "1 span", "2 spans". */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Calls per second, minute or hour: 1,234/s, 12.3/s, 4.20/s, 2.50/min, 6.00/h. */
export function rate(value) {
  const [factor, unit] = value >= 0.1 || !(value > 0) ? [1, "s"] : value >= 0.1 / 60 ? [60, "min"] : [3600, "h"];
  return `${value > 0 ? digits(value * factor) : 0}/${unit}`;
}

/** A part of a whole: 0 %, 0.4 %, 37 %. Only nothing is 0 %, and only everything is 100 %. */
export function percent(part, whole) {
  if (!(whole > 0) || !(part > 0)) return "0 %";
  const value = (100 * part) / whole;
  if (value >= 99.95) return part < whole ? "99.9 %" : "100 %";
  return value < 0.1 ? "< 0.1 %" : `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}

/** How certain a guess of the collector is: "87 % sure". */
export function confidence(guess) { return `${Math.round(100 * (guess.confidence ?? 0))} % sure`; }

/** The periods that can be chosen, by their names in addresses. */
export const lookbacks = {
  "5m": "5 minutes", "15m": "15 minutes", "1h": "hour", "6h": "6 hours", "1d": "day", "7d": "7 days",
};

/** "in the last hour", or for a period between two moments "in that time". */
export function inTime(lookback) {
  return lookback in lookbacks ? `in the last ${lookbacks[lookback]}` : "in that time";
}

/** The milliseconds of a period: a name, or two moments as `1790809200000-1790812800000`. */
export function lookbackLength(name) {
  const [from, to] = name.split("-");
  if (to) return to - from;
  return Number.parseInt(name, 10) * { m: 60e3, h: 3600e3, d: 86400e3 }[name.slice(-1)];
}
