import BrowserTestSupport
import Foundation
import HTTPService
import LoopbackTestSupport
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

extension PageInBrowser {
  /// The list of traces.
  @Suite struct SearchView {
    private static let two = Checkout().spans + Checkout(trace: 0xBEEF, fails: false, age: 60_000, percent: 300).spans

    @Test("The list shows the traces that were sent")
    func list() async throws {
      try await serve(Self.two) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/")
          try await browser.wait(for: ".trace")
          #expect(try await browser.traces() == ["c0ffee", "beef"])
          #expect(
            try await browser.texts("[...document.querySelectorAll('.trace.failed')].map((line) => line.dataset.trace)")
              .count == 1)
          let text = try await browser.texts(of: ".trace").first ?? ""
          #expect(text.hasPrefix("gateway post /checkout gateway 2 2 frontend 5 2 sessions 1 catalog 2"), "\(text)")
          #expect(text.contains("84.0 ms 20 spans 10 errors"), "\(text)")
          #expect(try await browser.texts(of: ".summary") == ["2 traces · 1 with errors"])
          #expect(try await browser.texts(of: ".plot .point").count == 2)
          #expect(try await browser.texts(of: "#filter-service option").contains("payments"))
          #expect(browser.console.filter { !$0.contains("/api/propagation") }.isEmpty)
        }
      }
    }

    @Test("The list's address holds its filters")
    func filters() async throws {
      try await serve(Self.two) { base, _ in
        try await Browser.run { browser in
          for (query, ids) in [
            ("errors=1", ["c0ffee"]), ("min=200ms", ["beef"]), ("max=100ms", ["c0ffee"]),
            ("q=http.status_code%3D503", ["c0ffee"]),
            ("service=payments&span=post%20/charge&sort=longest", ["beef", "c0ffee"]), ("service=nobody", []),
            ("limit=20&lookback=6h", ["c0ffee", "beef"]),
            ("from=\(now - 70_000)&to=\(now - 50_000)", ["beef"]),
          ] {
            try await browser.open("\(base)/?\(query)&live=0")
            try await browser.wait(for: ids.isEmpty ? ".notice" : ".trace")
            #expect(try await browser.traces() == ids, "\(query)")
            if ids.isEmpty { #expect(try await browser.texts(of: "h2") == ["No trace matches"]) }
          }
        }
      }
    }

    @Test("A search without hits leaves nothing of the list before")
    func nothing() async throws {
      try await serve(Self.two) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/")
          try await browser.wait(for: ".trace")
          try await browser.press("/")
          try await browser.wait("document.activeElement.id === 'filter-q'")
          try await browser.type("http.status_code=999")
          try await browser.press("Enter")
          try await browser.wait(for: ".notice")
          #expect(try await browser.traces().isEmpty)
          #expect(try await browser.texts(of: ".traces h2") == ["No trace matches"])
          #expect(try await browser.texts(of: ".summary") == ["0 traces"])
          #expect(try await browser.isTrue("document.querySelector('.plot').hidden"))
          #expect(try await browser.texts(of: ".notice .button") == ["Look at 7 days", "Clear the filters"])
          try await browser.click(".notice .button:last-child")
          try await browser.wait(for: ".trace")
        }
      }
    }

    @Test("An invalid condition is explained beside its field, and nothing is listed")
    func faults() async throws {
      try await serve(Self.two) { base, _ in
        try await Browser.run { browser in
          for (query, field, text) in [
            ("q=error+and", "q", "Tags must have a condition on both sides of each 'and': 'error and'."),
            ("q=%22error", "q", "Tags must close each quote and parenthesis: '\"error'."),
            ("q=http.status_code%3E%3D500", "q", "Tags can compare with one '=' only: 'http.status_code>=500'."),
            ("min=2s&max=1s", "max", "The longest duration is below the shortest."),
            ("min=soon", "min", "\"soon\" is not a valid duration; write 250us, 100ms, 1.5s or 2m."),
            ("max=5+apples", "max", "\"5 apples\" is not a valid duration; write 250us, 100ms, 1.5s or 2m."),
          ] {
            try await browser.open("\(base)/?\(query)")
            try await browser.wait(for: "#fault-\(field):not([hidden])")
            #expect(try await browser.texts(of: ".fault:not([hidden])") == [text])
            #expect(try await browser.texts(of: ".traces h2") == ["This cannot be searched for"])
            #expect(try await browser.traces().isEmpty)
            #expect(try await browser.texts(of: "[aria-invalid]").count == 1)
          }
          // Typed over a list, and mended.
          try await browser.open(base + "/")
          try await browser.wait(for: ".trace")
          try await browser.press("/")
          try await browser.type("error and")
          try await browser.press("Enter")
          try await browser.wait(for: "#fault-q:not([hidden])")
          #expect(try await browser.traces().isEmpty)
          try await browser.type(" http.status_code=503")
          try await browser.press("Enter")
          try await browser.wait("document.querySelectorAll('.trace').length === 1")
          #expect(try await browser.texts(of: ".fault:not([hidden])").isEmpty)
        }
      }
    }

    @Test("More traces than are listed are announced and offered, and the order is that of all")
    func more() async throws {
      try await serve(shop) { base, store in
        let all = try await store.summaries(TraceQuery(endTs: now, lookback: 86_400_000, limit: 100), by: .longest)
        let longest = all.traces.map { String($0.traceID.description.suffix(6)) }
        try await Browser.run { browser in
          try await browser.open(base + "/?limit=20&sort=longest&lookback=6h&live=0")
          try await browser.wait(for: ".trace")
          #expect(try await browser.texts(of: ".summary")[0].hasPrefix("20 traces · more match"))
          #expect(try await browser.traces() == Array(longest.prefix(20)))
          try await browser.click(".further button")
          try await browser.wait("document.querySelectorAll('.trace').length === 48")
          #expect(try await browser.traces() == longest)
          #expect(try await browser.address() == "/?lookback=6h&sort=longest&live=0")
          #expect(try await browser.texts(of: ".summary")[0].hasPrefix("48 traces · 8 with errors"))
          #expect(try await browser.isTrue("document.querySelector('.further').hidden"))
        }
      }
    }

    @Test("A service has one colour, whatever others there are and whenever they came")
    func colours() async throws {
      try await serve(Self.two) { base, _ in
        try await Browser.run { browser in
          let names = "[...document.querySelectorAll('.root')].map((node) => node.className)"
          try await browser.open(base + "/?live=0")
          try await browser.wait(for: ".trace")
          let first = try await browser.texts(names)
          let colours = try await browser.texts(
            """
            import("/assets/dom.js").then(({ colour }) => { const names = Array.from({ length: 40 }, (_, index) => `service-${index}`);
              const one = names.map(colour), two = names.reverse().map(colour).reverse();
              return [String(one.every((name, index) => name === two[index])), String(new Set(one).size)]; })
            """)
          #expect(colours.first == "true")
          // Of fourteen; names that differ in one letter do not get the same.
          #expect(Int(colours.last ?? "") ?? 0 >= 10, "\(colours)")
          try await browser.open(base + "/?live=0&service=gateway")
          try await browser.wait(for: ".trace")
          #expect(try await browser.texts(names) == first)
        }
      }
    }

    @Test("Filters that are typed go into the address, and back undoes them")
    func typing() async throws {
      try await serve(Self.two) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/?live=0")
          try await browser.wait(for: ".trace")
          try await browser.press("/")
          try await browser.wait("document.activeElement.id === 'filter-q'")
          try await browser.type("http.status_code=503")
          try await browser.press("Enter")
          try await browser.wait("document.querySelectorAll('.trace').length === 1")
          #expect(try await browser.address() == "/?q=http.status_code%3D503&live=0")
          try await browser.goBack()
          try await browser.wait("document.querySelectorAll('.trace').length === 2")
          #expect(try await browser.text("document.getElementById('filter-q').value").isEmpty)
          try await browser.goForward()
          try await browser.wait("document.querySelectorAll('.trace').length === 1")
          try await browser.click(".toggle.errors")
          try await browser.wait("location.search.includes('errors=1')")
        }
      }
    }

    @Test("Keys move through the list, open a trace and come back to where it was")
    func keys() async throws {
      try await serve(Self.two) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/")
          try await browser.wait(for: ".trace")
          try await browser.press("j", "j", "k", "j")
          #expect(try await browser.text("document.activeElement.closest('.trace').dataset.trace").hasSuffix("beef"))
          // The focus is to be seen.
          #expect(try await browser.text("getComputedStyle(document.activeElement).outlineStyle") == "solid")
          try await browser.press("Enter")
          try await browser.wait(for: ".row")
          #expect(try await browser.address().hasSuffix("beef"))
          try await browser.press("Escape")
          try await browser.wait(for: ".trace")
          try await browser.wait("document.activeElement.closest('.trace')?.dataset.trace.endsWith('beef')")
          try await browser.press("?")
          try await browser.wait(for: "dialog[open]")
          #expect(try await browser.texts(of: "dialog h3") == ["Traces", "Everywhere"])
          try await browser.press("Escape")
          try await browser.wait("!document.querySelector('dialog[open]')")
          try await browser.press("g", "s")
          try await browser.wait("location.pathname === '/graph'")
        }
      }
    }

    @Test("Dragging in the plot chooses a time, a press on a point opens its trace")
    func plot() async throws {
      let many = (0..<20).flatMap { Checkout(trace: UInt64(0x1000 + $0), age: Int64($0) * 60_000 + 1_000).spans }
      try await serve(many) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/?live=0")
          try await browser.wait("document.querySelectorAll('.trace').length === 20")
          try await browser.drag(".plot svg", from: (0.5, 0.5), to: (0.99, 0.5))
          try await browser.wait("location.search.includes('from=')")
          try await browser.wait("document.querySelectorAll('.trace').length < 15")
          #expect(try await browser.traces().first == "1000")
          // Ten of nineteen parts, about; the widths of the labels are not for sure.
          #expect((7...13).contains(try await browser.traces().count))
          try await browser.click(".time .range")
          try await browser.wait("document.querySelectorAll('.trace').length === 20")
          try await browser.drag(".plot svg", from: (0.5, 0.1), to: (0.99, 0.9))
          try await browser.wait("location.search.includes('min=')")
          try await browser.goBack()
          try await browser.wait("document.querySelectorAll('.point').length === 20")
          try await browser.click(".plot a:last-of-type .point")
          try await browser.wait(for: ".row")
        }
      }
    }

    @Test("Traces appear as they arrive, without another look at the page")
    func live() async throws {
      try await serve(Checkout(trace: 0xBEEF, age: 60_000).spans) { base, store in
        try await Browser.run { browser in
          try await browser.open(base + "/")
          try await browser.wait(for: ".trace")
          // The next question is open by now: it is what brings the news.
          try await browser.wait(
            "performance.getEntriesByType('resource').some((entry) => entry.name.includes('/api/summaries'))")
          try await store.add(Checkout(age: 1_000).spans)
          try await browser.wait("document.querySelectorAll('.trace').length === 2")
          #expect(try await browser.traces() == ["c0ffee", "beef"])
          #expect(
            try await browser.texts("[...document.querySelectorAll('.trace.new')].map((line) => line.dataset.trace)")
              .count == 1)
          try await browser.press("l")
          try await browser.wait("location.search === '?live=0'")
        }
      }
    }

    @Test("A collector that stops is announced, and the list stays")
    func collectorDown() async throws {
      try await Browser.run { browser in
        try await serve(Self.two) { base, _ in
          try await browser.open(base + "/")
          try await browser.wait(for: ".trace")
        }
        try await browser.wait(for: ".banner.broken:not([hidden])")
        let told = try await browser.texts(of: ".bar > .banner")[0]
        #expect(told.hasPrefix("The collector does not answer; it is asked again every few seconds. "), "\(told)")
        #expect(told.contains(/What is shown was read at [0-9]{2}:[0-9]{2}:[0-9]{2}\.$/), "\(told)")
        // It stands above what it speaks of, and covers none of it.
        #expect(
          try await browser.isTrue(
            "document.querySelector('.bar > .banner').getBoundingClientRect().bottom"
              + " <= document.querySelector('.trace').getBoundingClientRect().top"))
        #expect(try await browser.traces() == ["c0ffee", "beef"])
        try await browser.press("j", "Enter")
        try await browser.wait(for: ".notice.failed")
        #expect(try await browser.texts(of: ".notice h2") == ["The collector does not answer"])
        #expect(try await browser.texts(of: ".notice .actions > *").contains("Try again"))
      }
    }

    @Test("Two traces are chosen and compared")
    func compare() async throws {
      try await serve(Self.two) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/")
          try await browser.wait(for: ".trace")
          try await browser.press("j", "x")
          try await browser.wait(for: ".tray:not([hidden])")
          try await browser.click(".trace:nth-child(2) .pick input")
          try await browser.wait(for: ".tray .primary")
          try await browser.press("c")
          try await browser.wait(for: ".compare tbody tr")
          #expect(
            try await browser.address()
              == "/compare/000000006b756d610000000000c0ffee/000000006b756d61000000000000beef")
          let rows = try await browser.texts(of: ".compare tbody tr")
          #expect(rows.first == "gateway post /checkout 84.0 ms! 252 ms +168 ms · +200 %")
          #expect(rows.contains { $0.hasPrefix("payments post /charge 37.7 ms ×2! 114 ms") }, "\(rows)")
          #expect(try await browser.texts(of: ".tools .summary")[0].contains("B took 168 ms longer."))
          try await browser.press("x")
          try await browser.wait("location.pathname.endsWith('c0ffee')")
          try await browser.wait("document.querySelector('.compare tbody tr')?.innerText.includes('−168 ms')")
        }
      }
    }

    @Test("An empty collector, a missing trace and a failing search say what to do")
    func otherStates() async throws {
      try await serve([]) { base, store in
        try await Browser.run { browser in
          try await browser.open(base + "/")
          try await browser.wait(for: ".start")
          #expect(try await browser.texts(of: ".start h2") == ["No traces yet"])
          let backend = "url: \(base)/api/v2/spans apiVersion: auto --- "
          #expect(try await browser.texts(of: ".start pre")[0].contains(backend))
          try await browser.open(base + "/traces/abc")
          try await browser.wait(for: ".notice")
          #expect(try await browser.texts(of: "h2") == ["This trace is not here"])
          try await browser.open(base + "/")
          try await browser.wait(for: ".start")
          // The first one of all shows up by itself.
          try await store.add(Checkout(age: 1_000).spans)
          try await browser.wait(for: ".trace")
        }
      }
      let collector = try TestCollector { $0.clock = .system }
      try await collector.add(span(1))
      try collector.store.close()
      let api = collector.api
      try await LoopbackServer.run({ await api.respond(to: $0, body: $1).message(to: $0) }) { base in
        try await Browser.run { browser in
          try await browser.open(base + "/?live=0")
          try await browser.wait(for: ".notice.failed")
          let text = try await browser.texts(of: ".notice")[0]
          #expect(text.contains("This search did not work"))
          #expect(text.contains("cannot be read"))
        }
      }
    }
  }
}
