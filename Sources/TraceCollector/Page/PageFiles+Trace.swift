extension PageFiles {
  /// One trace as a waterfall.
  static let traceScript = ##"""
    import { chip, clock, colour, copyButton, duration, el, fetchJSON, moment, unnamed } from "./dom.js";
    import { showDetails } from "./details.js";

    const rowHeight = 28;

    /** One trace as a waterfall. */
    export function showTrace(page, id) {
      document.title = `${id} · kuma-trace`;
      page.hints([[["j", "k"], "move"], [["←", "→"], "fold"], [["n"], "next error"], [["Esc"], "back"]]);
      const request = new AbortController();
      page.main.replaceChildren(el("p", { class: "loading", text: "Reading the trace…" }));
      let view;
      fetchJSON(`/api/trees/${id}`, request.signal).then((trace) => {
        view = new Waterfall(page, trace, id);
      }, (error) => {
        if (error.name === "AbortError") return;
        page.main.replaceChildren(el("div", { class: "notice failed" },
          el("h2", { text: error.status === 404 ? "This trace is not here" : "The trace cannot be shown" }),
          el("p", { text: error.status === 404
            ? "Its spans may be on their way (Envoy sends them every few seconds), or it is older than what is kept."
            : error.message }),
          el("p", { class: "mono", text: id }),
          el("p", {}, el("button", { type: "button", text: "Try again", onclick: () => page.open(location.pathname) }),
            el("a", { class: "button", href: "/", text: "All traces" }))));
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
        this.length = Math.max(1, trace.duration);
        document.title = `${trace.rootService || unnamed} ${trace.rootName} · kuma-trace`;
        this.rows = el("div", { class: "rows", role: "tree", tabindex: "0", "aria-label": "Spans" });
        this.rows.addEventListener("click", (event) => this.click(event));
        this.details = el("aside", { class: "details", hidden: true, "aria-label": "The selected span" });
        this.frame = el("div", { class: "frame" }, this.ruler(), this.rows);
        page.main.replaceChildren(el("div", { class: "one-trace" }, this.header(id),
          el("div", { class: "stage" }, this.frame, this.details)));
        this.onScroll = () => this.draw();
        this.onKey = (event) => this.key(event);
        window.addEventListener("scroll", this.onScroll, { passive: true });
        window.addEventListener("resize", this.onScroll);
        document.addEventListener("keydown", this.onKey);
        this.layOut();
        const query = new URLSearchParams(location.search);
        const named = (node) => node.span.id === query.get("span");
        const index = Math.max(this.nodes.findIndex((node) => named(node) && side(node) === query.get("side")),
          this.nodes.findIndex((node) => named(node) && !query.has("side")));
        if (index >= 0) this.select(index, true);
        page.say(`${this.nodes.length} spans`);
      }

      leave() {
        window.removeEventListener("scroll", this.onScroll);
        window.removeEventListener("resize", this.onScroll);
        document.removeEventListener("keydown", this.onKey);
      }

      header(id) {
        const { trace } = this;
        const depth = 1 + this.nodes.reduce((deepest, node) => Math.max(deepest, node.depth), 0);
        const fact = (name, value, extra) => el("div", { class: `fact ${extra ?? ""}` }, el("dt", { text: name }),
          el("dd", { text: value }));
        return el("header", { class: "title" },
          el("p", { class: "crumbs" }, el("a", { href: "/", text: "Traces" }), el("span", { text: "/" }),
            el("code", { text: trace.traceId || id }), copyButton(trace.traceId || id),
            el("a", { class: "quiet", href: `/api/v2/trace/${trace.traceId || id}`, text: "JSON" })),
          el("h1", {}, el("span", { text: trace.rootService || unnamed }),
            el("span", { class: "operation", text: trace.rootName })),
          el("div", { class: "overview" },
            el("dl", { class: "facts" },
              fact("Duration", duration(trace.duration)), fact("Start", moment(trace.timestamp)),
              fact("Spans", trace.spanCount), fact("Services", trace.services.length), fact("Depth", depth),
              fact("Errors", trace.errorCount, trace.errorCount ? "errors" : ""),
              trace.detachedCount ? fact("Without parent", trace.detachedCount, "warning") : null),
            el("div", { class: "chips" }, trace.services.map((service) =>
              chip(service.name, service.errorCount, service.spanCount)))));
      }

      ruler() {
        const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
          const tick = el("span", { class: part === 1 ? "tick last" : "tick", text: duration(this.length * part) });
          tick.style.left = `${part * 100}%`;
          return tick;
        });
        return el("div", { class: "ruler" },
          el("div", { class: "ruler-left" }, el("span", { text: "Service and operation" }),
            el("span", { class: "folds" },
              el("button", { type: "button", class: "quiet", text: "Fold", onclick: () => this.foldAll(true) }),
              el("button", { type: "button", class: "quiet", text: "Unfold", onclick: () => this.foldAll(false) }))),
          el("div", { class: "ticks" }, ticks));
      }

      // Rows: only those in sight exist.

      layOut() {
        this.visible = [];
        for (let index = 0; index < this.nodes.length; index += 1) {
          this.visible.push(index);
          if (this.folded.has(index)) index += this.nodes[index].descendants;
        }
        this.rows.style.height = `${this.visible.length * rowHeight}px`;
        this.drawn = undefined;
        this.draw();
      }

      draw() {
        const top = this.rows.getBoundingClientRect().top;
        const first = Math.max(0, Math.floor(-top / rowHeight) - 12);
        const last = Math.min(this.visible.length, Math.ceil((window.innerHeight - top) / rowHeight) + 12);
        const drawn = `${first} ${last} ${this.selected}`;
        if (drawn === this.drawn) return;
        this.drawn = drawn;
        const rows = [];
        for (let position = first; position < last; position += 1) rows.push(this.row(position));
        this.rows.replaceChildren(...rows);
        if (this.selected >= 0) this.rows.setAttribute("aria-activedescendant", `span-${this.selected}`);
      }

      row(position) {
        const index = this.visible[position];
        const node = this.nodes[index];
        const { span } = node;
        const service = span.localEndpoint?.serviceName ?? "";
        const isFolded = this.folded.has(index);
        const indent = el("span", { class: "indent" });
        const depth = Math.min(node.depth, 24);
        indent.style.width = `${depth * 14}px`;
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
          el("span", { class: "label" },
            el("b", { text: service || unnamed }), el("span", { class: "operation", text: span.name ?? "" })),
          isFolded ? el("span", { class: "badge", text: `+${node.descendants}` }) : null,
          node.isDetached ? el("span", { class: "badge warning", text: "no parent",
            title: "The parent that this span names was not recorded" }) : null,
          node.isError ? el("span", { class: "alarm", text: "!", title: "error" }) : null,
          span.kind ? el("span", { class: "kind", text: span.kind.toLowerCase() }) : null),
        this.bar(span));
        row.style.top = `${position * rowHeight}px`;
        return row;
      }

      bar(span) {
        const lane = el("div", { class: "lane" });
        if (!(span.timestamp > 0)) {
          lane.append(el("span", { class: "length", text: "time unknown" }));
          return lane;
        }
        const left = (100 * (span.timestamp - this.trace.timestamp)) / this.length;
        const width = (100 * (span.duration ?? 0)) / this.length;
        const bar = el("i", { class: "bar" });
        bar.style.left = `${left}%`;
        bar.style.width = `${width}%`;
        const text = el("span", { class: "length", text: duration(span.duration ?? 0) });
        if (left + width < 86) text.style.left = `calc(${left + width}% + 7px)`;
        else if (left > 14) text.style.right = `calc(${100 - left}% + 7px)`;
        else {
          text.style.right = `calc(${100 - Math.min(100, left + width)}% + 8px)`;
          text.classList.add("inside");
        }
        lane.append(bar);
        for (const annotation of (span.annotations ?? []).slice(0, 100)) {
          const place = (100 * (annotation.timestamp - this.trace.timestamp)) / this.length;
          if (!(place >= 0 && place <= 100)) continue;
          const event = el("i", { class: "event", title: `${annotation.value} at ${clock(annotation.timestamp)}` });
          event.style.left = `${place}%`;
          lane.append(event);
        }
        lane.append(text);
        return lane;
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
        this.details.hidden = !node;
        if (node) {
          for (let parent = node.parent; parent >= 0; parent = this.nodes[parent].parent) this.folded.delete(parent);
          showDetails(this.details, node, this.trace, () => this.select(-1));
        }
        if (reveals && node) {
          this.layOut();
          this.scrollTo(index);
        }
        this.draw();
      }

      scrollTo(index) {
        const top = this.rows.getBoundingClientRect().top + this.visible.indexOf(index) * rowHeight;
        if (top < 120) window.scrollBy(0, top - 120);
        else if (top > window.innerHeight - 80) window.scrollBy(0, top - window.innerHeight + 80);
      }

      move(step) {
        const position = this.visible.indexOf(this.selected);
        const next = position < 0 ? 0 : Math.max(0, Math.min(this.visible.length - 1, position + step));
        this.select(this.visible[next], true);
      }

      key(event) {
        if (event.target.matches?.("input, select, textarea")) return;
        if (event.metaKey || event.ctrlKey || event.altKey) return;
        const node = this.nodes[this.selected];
        switch (event.key) {
          case "j": case "ArrowDown": this.move(1); break;
          case "k": case "ArrowUp": this.move(-1); break;
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
          case "Escape":
            if (node) this.select(-1);
            else this.page.open("/");
            break;
          default: return;
        }
        event.preventDefault();
      }
    }
    """##
}
