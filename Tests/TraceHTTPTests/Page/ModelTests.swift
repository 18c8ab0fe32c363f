import BrowserTestSupport
import Foundation
import TestSupport
import Testing

extension PageInBrowser {
  /// What the page works out by itself: modules that know no page, run where they are used.
  @Suite struct Model {
    /// Spans in short: id, parent, kind (`C`, `S` or `L`), service, start, length, each with its depth-first place.
    private static let prelude = """
      const { Trace, compareTraces, findRows } = await import("/assets/model.js");
      const kinds = { C: "CLIENT", S: "SERVER" };
      const make = (...spans) => ({ nodes: spans.map(([id, parent, kind, service, start, length, name]) => ({
        parent: spans.findIndex(([other]) => other === parent), isError: false, isDetached: false, depth: 0,
        span: { id, kind: kinds[kind], name: name ?? id, timestamp: start === undefined ? undefined : 1e15 + start,
          duration: length, localEndpoint: { serviceName: service } } })) });
      const path = (trace) => trace.nodes.map((node, index) => trace.critical[index].map((part) => part.join("-")).join(" ")).join("; ");
      """

    private func check(_ cases: [(String, String)]) async throws {
      try await serve([]) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/graph")
          for (expression, expected) in cases {
            let found = try await browser.text("(async () => { \(Self.prelude) \(expression) })()")
            #expect(found == expected, "\(expression)")
          }
        }
      }
    }

    @Test("The state of a waterfall comes back from its address, and what is selected is visible")
    func waterfallState() async throws {
      let state = """
        const { WaterfallState } = await import("/assets/waterfall-state.js");
        const answer = make(["a", "", "L", "x", 0, 100], ["b", "a", "L", "y", 10, 50], ["c", "b", "L", "z", 20, 20]);
        const state = new WaterfallState(answer, new URLSearchParams(query), () => {});
        state.find();
        """
      try await check([
        (
          "const query = 'service=y&only=1&calls=apart&time=10-60&fold=1&span=b&side=local'; \(state)"
            + "state.listRows(); return `${state.query() == query} ${state.visible}`",
          "true 0,1"
        ),
        (
          "const query = 'fold=1'; \(state) state.listRows(); const folded = String(state.visible);"
            + "state.select(2); state.listRows(); return `${folded} ${state.visible} ${state.query()}`",
          "0,1 0,1,2 span=c&side=local"
        ),
        ("const query = 'find=b'; \(state) return String(state.nextMatch(1))", "1"),
      ])
    }

    @Test("The state of a search asks only what can be meant, and keeps what is chosen")
    func searchState() async throws {
      let state = """
        const { SearchState } = await import("/assets/search-state.js");
        const state = new SearchState(query);
        """
      try await check([
        (
          "const query = 'min=2s&max=1s'; \(state) return state.faults[0].text",
          "The longest duration is below the shortest."
        ),
        (
          "const query = 'min=2ms&live=0'; \(state) return `${state.question} ${state.isLive}`",
          "limit=50&lookback=3600000&minDuration=2000 false"
        ),
        (
          "const query = 'pick=a.b'; \(state) state.pick('c', true);"
            + "state.show({ search: 'q', result: { traces: [{ traceId: 'b' }, { traceId: 'd' }] } });"
            + "state.show({ search: 'q', result: { traces: [{ traceId: 'e' }] } });"
            + "return `${state.picked} ${state.shown.traces.map(({ traceId }) => traceId)}`",
          "b,c e,b"
        ),
      ])
    }

    @Test("The critical path goes back from the end through what finished last")
    func criticalPath() async throws {
      try await check([
        // One after the other, with the parent's own time between.
        (
          #"return path(new Trace(make(["a", "", "L", "x", 0, 100], ["b", "a", "L", "x", 10, 20], ["c", "a", "L", "x", 50, 40])))"#,
          "90-100 30-50 0-10; 10-30; 50-90"
        ),
        // Of two at the same time the later end counts; what began before it and ended during it was not waited for.
        (
          #"return path(new Trace(make(["a", "", "L", "x", 0, 100], ["b", "a", "L", "x", 10, 50], ["c", "a", "L", "x", 20, 60])))"#,
          "80-100 0-20; ; 20-80"
        ),
        // What goes on after its parent is cut off, what begins after it or before it does not count further.
        (
          #"return path(new Trace(make(["a", "", "L", "x", 0, 100], ["b", "a", "L", "x", 60, 90], ["c", "a", "L", "x", 120, 5])))"#,
          "0-60; 60-100; "
        ),
        (
          #"return path(new Trace(make(["a", "", "L", "x", 10, 90], ["b", "a", "L", "x", 0, 30], ["c", "b", "L", "x", 5, 20])))"#,
          "30-100; 25-30; 10-25"
        ),
        // Nested, and one that touches the next.
        (
          #"return path(new Trace(make(["a", "", "L", "x", 0, 100], ["b", "a", "L", "x", 0, 50], ["c", "b", "L", "x", 10, 10], ["d", "a", "L", "x", 50, 50])))"#,
          "; 20-50 0-10; 10-20; 50-100"
        ),
        // Without a time, without a length, without anything.
        (#"return path(new Trace(make(["a", "", "L", "x", undefined, 100], ["b", "a", "L", "x", 0, 50])))"#, "; "),
        (#"return path(new Trace(make(["a", "", "L", "x", 0, 10], ["b", "a", "L", "x", 5, 0])))"#, "0-10; "),
        (#"return path(new Trace(make())) + "none""#, "none"),
      ])
    }

    @Test("A chain of twenty thousand spans does not overflow the stack")
    func depth() async throws {
      try await check([
        (
          #"""
          const spans = Array.from({ length: 20000 }, (_, index) => [`${index}`, `${index - 1}`, "L", "x", index, 50000 - 2 * index]);
          const answer = make(["0", "", "L", "x", 0, 50000]);
          answer.nodes = spans.map(([id, , , , start, length], index) => ({ parent: index - 1, depth: index, span: { id, timestamp: 1e15 + start, duration: length } }));
          const trace = new Trace(answer);
          return `${trace.rows.length} ${trace.rows[0].descendants} ${trace.critical.flat().reduce((sum, [from, to]) => sum + to - from, 0)}`;
          """#, "20000 19999 50000"
        )
      ])
    }

    @Test("A called side that begins before its caller is moved, with what hangs below it; one that ends later is not")
    func skew() async throws {
      let show =
        "return trace.nodes.map((node) => node.start).join(\" \") + \" | \" + trace.skews.map((skew) => skew.shift).join(\" \")"
        + " + \" | \" + trace.nodes.map((node) => node.overrun).join(\" \")"
      try await check([
        (
          #"const trace = new Trace(make(["a", "", "C", "x", 100, 50], ["a", "a", "S", "y", 40, 30]));"#
            + show, "0 10 | 70 | 0 0"
        ),
        (
          #"const trace = new Trace(make(["a", "", "C", "x", 100, 50], ["b", "a", "S", "y", 40, 30], ["c", "b", "L", "y", 45, 5]));"#
            + show, "0 10 15 | 70 | 0 0 0"
        ),
        (
          #"const trace = new Trace(make(["a", "", "C", "x", 100, 50], ["b", "a", "S", "y", 40, 30]), { adjusts: false });"#
            + show, "60 0 | 70 | 0 0"
        ),
        // One that began before its caller and lasted longer: its clock is wrong, and it went on.
        (
          #"const trace = new Trace(make(["a", "", "C", "x", 100, 50], ["b", "a", "S", "y", 40, 90]));"#
            + show, "0 0 | 60 | 0 40"
        ),
        // A timeout: the caller gave up at 1,000, the request was served from 900 to 1,200.
        (
          #"const trace = new Trace(make(["a", "", "C", "x", 0, 1000], ["b", "a", "S", "y", 900, 300]));"# + show,
          "0 900 |  | 0 200"
        ),
        // A streamed answer, or a client's side that ends at the headers.
        (
          #"const trace = new Trace(make(["a", "", "C", "x", 0, 50], ["b", "a", "S", "y", 20, 400]));"# + show,
          "0 20 |  | 0 370"
        ),
        // It began after the caller had given up: all of it runs over.
        (
          #"const trace = new Trace(make(["a", "", "C", "x", 0, 50], ["b", "a", "S", "y", 500, 40]));"# + show,
          "0 500 |  | 0 40"
        ),
        // A few microseconds are no difference, in either direction.
        (
          #"const trace = new Trace(make(["a", "", "C", "x", 5, 50], ["b", "a", "S", "y", 0, 60]));"# + show,
          "5 0 |  | 0 0"
        ),
        // Nothing is known of the caller's end.
        (
          #"const trace = new Trace(make(["a", "", "C", "x", 0, 0], ["b", "a", "S", "y", 20, 40]));"# + show,
          "0 20 |  | 0 0"
        ),
        // Within one service there is one clock.
        (
          #"const trace = new Trace(make(["a", "", "C", "x", 100, 50], ["b", "a", "S", "x", 40, 30]));"# + show,
          "60 0 |  | 0 0"
        ),
      ])
    }

    @Test("Sides become calls, services are summed, texts are found, traces are compared")
    func rows() async throws {
      let trace = #"""
        const answer = make(["a", "", "S", "x", 0, 100], ["b", "a", "C", "x", 10, 60], ["c", "b", "S", "y", 20, 40], ["d", "c", "L", "y", 30, 10]);
        const trace = new Trace(answer);
        """#
      try await check([
        (
          trace + #"return trace.rows.map((row) => `${row.depth}:${row.node}+${row.answer}`).join(" ")"#,
          "0:0+-1 1:1+2 2:3+-1"
        ),
        (
          trace
            + #"return trace.statistics().map((sum) => `${sum.service} ${sum.own} ${sum.calls} ${sum.critical}`).join("; ")"#,
          "x 40 20 60; y 40 0 40"
        ),
        (
          trace + #"return [...findRows(trace, "D", "")].join(" ") + "/" + [...findRows(trace, "", "y")].join(" ")"#,
          "2/1 2"
        ),
        // Two answering sides of one calling side, as a retry leaves them: no row can be both.
        (
          #"return `${new Trace(make(["a", "", "C", "x", 0, 9], ["b", "a", "S", "y", 1, 2], ["c", "a", "S", "y", 4, 2])).rows.length}`"#,
          "3"
        ),
        (
          trace
            + #"""
            const other = new Trace(make(["a", "", "S", "x", 0, 100], ["b", "a", "C", "x", 10, 60, "b"], ["c", "b", "S", "y", 20, 50, "c"], ["e", "a", "L", "x", 80, 5]));
            return compareTraces(trace, other).map((line) => `${line.depth}${line.name}${line.only}${line.difference}`).join(" ");
            """#, "0a0 1c0 2da0 1eb0"
        ),
      ])
    }

    @Test("A graph of any shape is placed: cycles, loops, many layers, islands, nobody")
    func layout() async throws {
      try await check([
        (
          #"""
          const { layOut } = await import("/assets/layout.js");
          const size = { width: 100, height: 40 };
          let seed = 7;
          const random = (below) => { seed = (seed * 48271) % 2147483647; return seed % below; };
          for (let round = 0; round < 40; round += 1) {
            const names = Array.from({ length: random(30) }, (_, index) => `s${index}`);
            const edges = names.length ? Array.from({ length: random(60) }, () => ({ parent: names[random(names.length)], child: names[random(names.length)] })) : [];
            const { places, lines, width, height } = layOut(names, edges, size);
            if (places.size !== names.length || lines.length !== edges.length) return "something is missing";
            for (const [one, a] of places) {
              if (!(a.x >= 0 && a.y >= -1e-6 && a.x + 100 <= width + 1e-6 && a.y + 40 <= height + 1e-6)) return `${one} is outside`;
              for (const [two, b] of places) {
                if (one < two && a.x === b.x && Math.abs(a.y - b.y) < 40) return `${one} lies on ${two}`;
              }
            }
            if (lines.some(({ points }) => points.flat().some((value) => !Number.isFinite(value)))) return "a line leads nowhere";
          }
          return "fine";
          """#, "fine"
        )
      ])
    }

    @Test("Numbers are written as people read them")
    func texts() async throws {
      try await check([
        (
          #"""
          const { duration, parseDuration, percent, rate } = await import("/assets/format.js");
          return [duration(0), duration(850), duration(12345), duration(999949), duration(4560000), duration(192e6), duration(7500e6)].join(", ")
            + " | " + [parseDuration("250us"), parseDuration("1.5s"), parseDuration("7"), parseDuration("x")].join(", ")
            + " | " + [percent(0, 5), percent(1, 10000), percent(37, 100), percent(9999, 10000), percent(5, 5), percent(1, 0)].join(", ")
            + " | " + [rate(0), rate(4e-7), rate(0.0006), rate(0.05), rate(1.337), rate(4.2), rate(4.18), rate(9.999), rate(12.3), rate(99.96), rate(1234)].join(", ");
          """#,
          "0 ms, 850 µs, 12.3 ms, 1,000 ms, 4.56 s, 3 min 12 s, 2 h 5 min | 250, 1500000, 7000,  | "
            + "0 %, < 0.1 %, 37 %, 99.9 %, 100 %, 0 % | 0/s, 0.0014/h, 2.16/h, 3.00/min, 1.34/s, "
            + "4.20/s, 4.18/s, 10.0/s, 12.3/s, 100/s, 1,234/s"
        )
      ])
    }
  }
}
