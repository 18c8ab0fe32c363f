extension PageFiles {
  /// One trace as a waterfall.
  static let traceScript = ##"""
    import { ago, chip, colour, copyButton, duration, el, fetchJSON, moment, notice, plain, skeleton, unnamed }
      from "./dom.js";
    import { showDetails } from "./details.js";
    import { Timeline } from "./timeline.js";

    /** One trace as a waterfall. */
    export function showTrace(page, id) {
      document.title = `${id} · kuma-trace`;
      page.hints([[["j", "k"], "move"], [["←", "→"], "fold"], [["n"], "next error"], [["z"], "zoom"], [["Esc"], "back"]]);
      const request = new AbortController();
      page.main.replaceChildren(el("div", { class: "one-trace" }, skeleton(8, "Reading the trace")));
      let view;
      fetchJSON(`/api/trees/${id}`, request.signal).then((trace) => {
        view = new Waterfall(page, trace, id);
      }, (error) => {
        if (error.name === "AbortError") return;
        const isMissing = error.status === 404;
        page.main.replaceChildren(notice({
          title: isMissing ? "This trace is not here" : "The trace cannot be shown",
          text: isMissing
            ? "Its spans may be on their way (Envoy sends them every few seconds), or it is older than what is kept."
            : error.message,
          detail: id, failed: !isMissing,
        }, el("button", { type: "button", text: "Try again", onclick: () => page.open(location.pathname + location.search) }),
        el("a", { class: "button", href: page.searchAddress, text: "All traces" })));
      });
      return () => {
        request.abort();
        view?.leave();
      };
    }

    /** Tells the two sides of a call apart that have one id. */
    function side(node) {
      return (node.span.kind ?? "local").toLowerCase();
    }

    class Waterfall {
      constructor(page, trace, id) {
        this.page = page;
        this.trace = trace;
        this.nodes = trace.nodes;
        this.folded = new Set();
        this.selected = -1;
        this.time = new Timeline(trace, () => this.redraw());
        document.title = `${trace.rootService || unnamed} ${plain(trace.rootName, 80)} · kuma-trace`;
        this.rows = el("div", { class: "rows", role: "tree", tabindex: "0", "aria-label": "Spans" });
        this.rows.addEventListener("click", (event) => this.click(event));
        this.details = el("aside", { class: "details", hidden: true, tabindex: "-1", "aria-label": "The selected span" });
        this.frame = el("div", { class: "frame" }, this.ruler(), this.rows);
        page.main.replaceChildren(el("div", { class: "one-trace" }, this.header(id),
          el("div", { class: "stage" }, this.frame, this.details)));
        this.onScroll = () => this.draw();
        this.onResize = () => this.redraw();
        this.onKey = (event) => this.key(event);
        window.addEventListener("scroll", this.onScroll, { passive: true });
        window.addEventListener("resize", this.onResize);
        document.addEventListener("keydown", this.onKey);
        this.redraw();
        const query = new URLSearchParams(location.search);
        const named = (node) => node.span.id === query.get("span");
        const index = Math.max(this.nodes.findIndex((node) => named(node) && side(node) === query.get("side")),
          this.nodes.findIndex((node) => named(node) && !query.has("side")));
        if (index >= 0) this.select(index, true);
        page.say(`${this.nodes.length} spans`);
      }

      leave() {
        window.removeEventListener("scroll", this.onScroll);
        window.removeEventListener("resize", this.onResize);
        document.removeEventListener("keydown", this.onKey);
      }

      header(id) {
        const { trace } = this;
        const traceID = trace.traceId || id;
        const depth = 1 + this.nodes.reduce((deepest, node) => Math.max(deepest, node.depth), 0);
        const fact = (name, value, extra) => el("div", { class: `fact ${extra ?? ""}` }, el("dt", { text: name }),
          el("dd", {}, value));
        return el("header", { class: "title" },
          el("p", { class: "crumbs" }, el("a", { href: this.page.searchAddress, text: "Traces" }),
            el("span", { text: "/" }), el("code", { class: "trace-id", text: traceID }), copyButton(traceID, "Copy id"),
            el("a", { class: "quiet", href: `/api/v2/trace/${traceID}`, text: "JSON" })),
          el("h1", {}, el("span", { text: trace.rootService || unnamed }),
            el("span", { class: "operation", text: trace.rootName })),
          el("div", { class: "overview" },
            el("dl", { class: "facts" },
              fact("Duration", duration(trace.duration)),
              fact("Started", el("span", {}, moment(trace.timestamp),
                el("small", { text: ago(trace.timestamp) }))),
              fact("Services", trace.services.length), fact("Spans", trace.spanCount), fact("Depth", depth),
              fact("Errors", trace.errorCount || "none", trace.errorCount ? "errors" : ""),
              trace.detachedCount ? fact("Without parent", trace.detachedCount, "warning") : null),
            el("div", { class: "chips" }, trace.services.map(chip))));
      }

      ruler() {
        const button = (text, title, action) => el("button", { type: "button", class: "quiet", text, title,
          onclick: action });
        this.zoomOut = button("Whole trace", "Show all of the time again", () => this.time.show(0, this.time.length));
        return el("div", { class: "ruler" },
          el("div", { class: "ruler-left" }, el("span", { class: "ruler-name", text: "Service and operation" }),
            el("span", { class: "folds" }, this.zoomOut,
              button("Fold", "Fold everything below the first level", () => this.foldAll(true)),
              button("Unfold", "Unfold everything", () => this.foldAll(false)))),
          this.time.labels);
      }

      // Rows: only those in sight exist.

      redraw() {
        this.rowHeight = this.rows.clientWidth < 640 ? 46 : 28;
        this.frame.classList.toggle("stacked", this.rowHeight > 28);
        this.frame.classList.toggle("zoomed", !this.time.isWhole);
        this.zoomOut.hidden = this.time.isWhole;
        this.time.draw(this.frame);
        this.layOut();
      }

      layOut() {
        this.visible = [];
        for (let index = 0; index < this.nodes.length; index += 1) {
          this.visible.push(index);
          if (this.folded.has(index)) index += this.nodes[index].descendants;
        }
        this.rows.style.height = `${this.visible.length * this.rowHeight}px`;
        this.drawn = undefined;
        this.draw();
      }

      draw() {
        const top = this.rows.getBoundingClientRect().top;
        const first = Math.max(0, Math.floor(-top / this.rowHeight) - 12);
        const last = Math.min(this.visible.length, Math.ceil((window.innerHeight - top) / this.rowHeight) + 12);
        const drawn = `${first} ${last} ${this.selected}`;
        if (drawn === this.drawn) return;
        this.drawn = drawn;
        const rows = [];
        for (let position = first; position < last; position += 1) rows.push(this.row(position));
        this.rows.replaceChildren(...rows);
        if (this.selected >= 0) this.rows.setAttribute("aria-activedescendant", `span-${this.selected}`);
        else this.rows.removeAttribute("aria-activedescendant");
      }

      row(position) {
        const index = this.visible[position];
        const node = this.nodes[index];
        const { span } = node;
        const service = span.localEndpoint?.serviceName ?? "";
        const isFolded = this.folded.has(index);
        const indent = el("span", { class: "indent" });
        indent.style.width = `${Math.min(node.depth, 24) * (this.rowHeight > 28 ? 8 : 14)}px`;
        const fold = node.descendants
          ? el("span", { class: "fold", "data-fold": index, text: isFolded ? "▸" : "▾" })
          : el("span", { class: "fold" });
        const row = el("div", {
          class: ["row", colour(service), node.isError && "failed", index === this.selected && "selected"]
            .filter(Boolean).join(" "),
          id: `span-${index}`, role: "treeitem", "data-index": index, "aria-level": node.depth + 1,
          "aria-selected": index === this.selected ? "true" : "false",
          "aria-expanded": node.descendants ? String(!isFolded) : undefined,
        },
        el("div", { class: "name" }, indent, fold, el("i", { class: "strip" }),
          el("span", { class: "label", title: plain(`${service || unnamed} ${span.name ?? ""}`) },
            el("b", { text: service || unnamed }), el("span", { class: "operation", text: span.name ?? "" })),
          isFolded ? el("span", { class: "badge", text: `+${node.descendants}` }) : null,
          node.isDetached ? el("span", { class: "badge warning", text: "no parent",
            title: "The parent that this span names was not recorded" }) : null,
          node.isError ? el("span", { class: "alarm", role: "img", "aria-label": "error", text: "!" }) : null,
          span.kind ? el("span", { class: "kind", text: span.kind.toLowerCase() }) : null),
        this.time.lane(node));
        row.style.top = `${position * this.rowHeight}px`;
        return row;
      }

      // What can be done

      click(event) {
        const row = event.target.closest(".row");
        if (!row) return;
        const index = Number(row.dataset.index);
        if (event.target.closest("[data-fold]")) this.fold(index, !this.folded.has(index));
        else this.select(index === this.selected ? -1 : index);
      }

      fold(index, isFolded) {
        if (!this.nodes[index].descendants) return;
        if (isFolded) this.folded.add(index);
        else this.folded.delete(index);
        this.layOut();
      }

      foldAll(isFolded) {
        this.folded.clear();
        // The first level stays open: that a trace has more than its first span should be seen.
        this.nodes.forEach((node, index) => {
          if (isFolded && node.depth > 0 && node.descendants) this.folded.add(index);
        });
        this.layOut();
      }

      select(index, reveals = false) {
        this.selected = index;
        const node = this.nodes[index];
        const query = node ? `?span=${encodeURIComponent(node.span.id)}&side=${side(node)}` : "";
        history.replaceState(null, "", location.pathname + query);
        const changesWidth = this.details.hidden === Boolean(node);
        this.details.hidden = !node;
        if (node) {
          for (let parent = node.parent; parent >= 0; parent = this.nodes[parent].parent) this.folded.delete(parent);
          showDetails(this.details, this.nodes, index, this.trace, () => this.select(-1));
        }
        if (changesWidth) this.redraw();
        else if (reveals) this.layOut();
        if (reveals && node) this.scrollTo(index);
        this.draw();
      }

      scrollTo(index) {
        const top = this.rows.getBoundingClientRect().top + this.visible.indexOf(index) * this.rowHeight;
        const low = window.innerHeight - 2 * this.rowHeight - 24;
        if (top < 120) window.scrollBy(0, top - 120);
        else if (top > low) window.scrollBy(0, top - low);
      }

      move(step) {
        const position = this.visible.indexOf(this.selected);
        const next = position < 0 ? 0 : Math.max(0, Math.min(this.visible.length - 1, position + step));
        this.select(this.visible[next], true);
      }

      /** Shows the time of the selected span, with a little around it, or the whole trace again. */
      zoom() {
        const span = this.nodes[this.selected]?.span;
        if (!this.time.isWhole || !(span?.timestamp > 0)) {
          this.time.show(0, this.time.length);
          return;
        }
        const start = span.timestamp - this.trace.timestamp;
        const around = Math.max(5, (span.duration ?? 0) * 0.05);
        this.time.show(start - around, start + (span.duration ?? 0) + around);
      }

      key(event) {
        if (event.target.matches?.("input, select, textarea")) return;
        if (event.metaKey || event.ctrlKey || event.altKey) return;
        const node = this.nodes[this.selected];
        switch (event.key) {
          case "j": case "ArrowDown": this.move(1); break;
          case "k": case "ArrowUp": this.move(-1); break;
          case "Home": this.select(this.visible[0], true); break;
          case "End": this.select(this.visible[this.visible.length - 1], true); break;
          case "ArrowLeft":
            if (!node) return;
            if (node.descendants && !this.folded.has(this.selected)) this.fold(this.selected, true);
            else if (node.parent >= 0) this.select(node.parent, true);
            break;
          case "ArrowRight":
            if (!node) return;
            if (this.folded.has(this.selected)) this.fold(this.selected, false);
            else if (node.descendants) this.select(this.selected + 1, true);
            break;
          case "n": {
            const later = this.nodes.findIndex((other, index) => index > this.selected && other.isError);
            const next = later >= 0 ? later : this.nodes.findIndex((other) => other.isError);
            if (next >= 0) this.select(next, true);
            break;
          }
          case "z": this.zoom(); break;
          case "Escape":
            if (node) this.select(-1);
            else if (!this.time.isWhole) this.time.show(0, this.time.length);
            else this.page.open(this.page.searchAddress);
            break;
          default: return;
        }
        event.preventDefault();
      }
    }
    """##
}
