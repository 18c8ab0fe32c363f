import { count, plain } from "./format.js";

// What comes from a span enters the page only as textContent or as values of attributes that are named here. Nothing is ever
// parsed as HTML.

/** Creates an element. Properties are listeners ("on…"), its text ("text"), and attributes. */
export function el(name, properties, ...children) {
  return fill(document.createElement(name), properties, children);
}

export function svg(name, properties, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), properties, children);
}

function fill(node, properties, children) {
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "text") node.textContent = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const colourCount = 14;

/** The class with a service's colour, which depends on the name alone, so that it never changes. */
export function colour(service) {
  if (!service) return "colour-none";
  let hash = 2166136261;
  for (const character of service) hash = Math.imul(hash ^ character.codePointAt(0), 16777619) >>> 0;
  // The lowest bits alone depend little on the earlier letters.
  return `colour-${((hash ^ (hash >>> 9)) >>> 0) % colourCount}`;
}

/** The name of the style variable that holds the colour. */
export function colourVariable(service) {
  const name = colour(service);
  return name === "colour-none" ? "--ink-faint" : `--c${name.slice(7)}`;
}

export const unnamed = "(no service name)";

/** A service with its colour and its numbers of spans and errors. */
export function chip({ name, spanCount, errorCount }, element = "span") {
  const title = `${plain(name || unnamed)}: ${count(spanCount, "span")}`
    + (errorCount ? `, ${count(errorCount, "error")}` : "");
  return el(element, { class: `chip ${colour(name)}`, title, type: element === "button" ? "button" : null },
    el("i", { class: "dot" }), el("span", { class: "chip-name", text: name || unnamed }),
    el("span", { class: "chip-count", text: spanCount }),
    errorCount ? el("span", { class: "chip-errors", text: errorCount }) : null);
}

/** A message in place of what cannot be shown. */
export function notice({ title, text, detail, failed }, ...actions) {
  return el("div", { class: `notice${failed ? " failed" : ""}` },
    el("h2", { text: title }), el("p", { text }), detail ? el("p", { class: "mono", text: detail }) : null,
    actions.length ? el("p", { class: "actions" }, actions) : null);
}

export function skeleton(lines, label) {
  return el("div", { class: "skeleton", role: "status", "aria-label": label },
    Array.from({ length: lines }, () => el("i")));
}

/**
 * Who asks, as far as requests have to know: what a session adds to those that change something, what is done when the collector
 * wants to know who is there, and a way to learn whether the session has become another one in the meantime.
 */
export const access = { forgeryGuard: undefined, denied: undefined, renewed: undefined };

/** Asks the collector; a failure becomes an error with the collector's message. */
export async function fetchJSON(path, signal, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (options.method && access.forgeryGuard) headers["X-CSRF-Token"] = access.forgeryGuard;
  let response;
  try {
    response = await fetch(path, { ...options, signal, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const failure = new Error("The collector does not answer. Is it still running?");
    failure.isDown = true;
    throw failure;
  }
  if (response.status === 401 && access.denied && !signal?.aborted) {
    access.denied();
    // The view that asked is not shown any more.
    throw new DOMException("The collector wants to know who asks.", "AbortError");
  }
  if (response.status === 403 && options.method && await access.renewed?.()) return fetchJSON(path, signal, options);
  if (!response.ok) {
    const failure = new Error((await response.text()).trim() || `The collector answered ${response.status}.`);
    failure.status = response.status;
    throw failure;
  }
  const text = await response.text();
  return text ? JSON.parse(text) : undefined;
}

export function copyButton(text, label = "Copy", description) {
  const button = el("button", { type: "button", class: "quiet copy", text: label, "aria-label": description });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  return button;
}

/** Whether a key is meant for a field or for the browser. */
export function isTyping(event) {
  return event.metaKey || event.ctrlKey || event.altKey || Boolean(event.target.matches?.("input:not([type=checkbox]), select, textarea"))
    || Boolean(document.querySelector("dialog[open]"));
}

/** Calls `move` while a pointer is pressed, and `end` when it is released or cancelled. */
export function follow(box, start, move, end) {
  const stop = (event) => {
    box.removeEventListener("pointermove", move);
    box.removeEventListener("pointerup", stop);
    box.removeEventListener("pointercancel", stop);
    end(event);
  };
  box.setPointerCapture?.(start.pointerId);
  box.addEventListener("pointermove", move);
  box.addEventListener("pointerup", stop);
  box.addEventListener("pointercancel", stop);
  start.preventDefault();
}

/** Sets the options of a field; the selected value is always one of them. */
export function setOptions(field, options, value) {
  const all = options.some(([key]) => key === value) ? options : [...options, [value, value]];
  const known = [...field.options].map((option) => option.value);
  if (known.length !== all.length || all.some(([key], index) => key !== known[index])) {
    field.replaceChildren(...all.map(([key, name]) => el("option", { value: key, text: name })));
  }
  field.value = value;
}

/** A message in place of a view whose data did not come, and what to do next. */
export function failed(error, what, again) {
  const isAbsent = error.status === 404 || error.status === 501;
  return notice({
    title: isAbsent ? `${what} is not available` : error.isDown ? "The collector does not answer" : `${what} cannot be shown`,
    text: isAbsent ? "This collector does not offer it; a newer version does." : error.isDown
      ? "It may have been stopped or be starting again. Spans that proxies send meanwhile are lost; what is stored stays."
      : error.message,
    failed: !isAbsent,
  }, el("button", { type: "button", text: "Try again", onclick: again }),
  el("a", { class: "button", href: "/", text: "All traces" }));
}
