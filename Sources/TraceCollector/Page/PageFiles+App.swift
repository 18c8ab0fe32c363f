extension PageFiles {
  /// The start: which address shows which view.
  static let appScript = ##"""
    import { assignColours, el, fetchJSON } from "./dom.js";
    import { showSearch } from "./search.js";
    import { showTrace } from "./trace.js";

    const main = document.getElementById("main");
    /** What the views get: where they draw, how they go elsewhere, and where the list stood last. */
    const page = { main, open, hints: showHints, say, searchAddress: "/", lastTrace: undefined };
    let leave = () => {};

    /** Shows what the address names. */
    function route() {
      leave();
      const match = /^\/traces\/([0-9a-f]{1,32})$/i.exec(location.pathname);
            leave = (match ? showTrace(page, match[1].toLowerCase()) : showSearch(page)) ?? (() => {});
    }

    /** Goes to an address of ours without loading the page again. */
    function open(address) {
      history.pushState(null, "", address);
      route();
      window.scrollTo(0, 0);
    }

    function showHints(hints) {
      document.getElementById("hints").replaceChildren(
        ...hints.map(([keys, what]) => el("span", {}, ...keys.map((key) => el("kbd", { text: key })), what)));
    }

    function say(text) {
      document.getElementById("status").textContent = text;
    }

    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[href^='/']");
      if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      if (link.hasAttribute("download") || link.target || link.pathname.startsWith("/api/")) return;
      event.preventDefault();
      open(link.getAttribute("href"));
    });

    document.getElementById("jump").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = document.getElementById("jump-id");
      const id = field.value.trim().toLowerCase();
      const isID = /^[0-9a-f]{1,32}$/.test(id);
      field.setCustomValidity(isID || !id ? "" : "A trace id has 1 to 32 hexadecimal digits.");
      field.reportValidity();
      if (isID) open(`/traces/${id}`);
    });
    document.getElementById("jump-id").addEventListener("input", (event) => event.target.setCustomValidity(""));

    window.addEventListener("popstate", route);

    try {
      assignColours(await fetchJSON("/api/v2/services"));
    } catch {
      // The view says it.
    }
    route();
    """##
}
