// What became of the trace that the collector sends to itself.
import { fetchJSON } from "./dom.js";
import { ago, duration, plain } from "./format.js";

const words = {
  found: (canary) => [`Canary ${duration(canary.delay * 1e6)}`,
    `The collector sends a trace to itself every ${duration(canary.interval * 1e6)}. It found the last one ${
      duration(canary.delay * 1e6)} after sending it, ${ago(canary.lastSuccess * 1000)}.`],
  lost: (canary) => ["Canary lost", `The collector does not find the trace that it sends to itself: ${plain(canary.reason, 500)}`],
  refused: (canary) => ["Canary refused", `The collector does not store the trace that it sends to itself: ${plain(canary.reason, 500)}`],
};

/** Shows it at the top; nothing where there is no canary, or before its first trace is through. */
export async function showCanary() {
  const canary = await fetchJSON("/api/canary").catch(() => ({}));
  const line = document.getElementById("canary");
  const say = words[canary.state];
  line.hidden = !say;
  if (!say) return;
  const [text, title] = say(canary);
  line.classList.toggle("failing", canary.state !== "found");
  line.querySelector("span").textContent = text;
  line.title = title;
  line.setAttribute("aria-label", title);
}
