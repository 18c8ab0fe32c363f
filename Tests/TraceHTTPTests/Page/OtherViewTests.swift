import BrowserTestSupport
import Foundation
import HTTPTypes
import TestSupport
import Testing

@testable import TraceHTTP
@testable import TraceModel

extension PageInBrowser {
  /// What the collector answers about services; used as long as a collector has no answer of its own.
  enum Written {
    static let graph = """
      {"services":[
        {"name":"catalog","spans":96,"calls":48,"errors":0},{"name":"fraud","spans":48,"calls":48,"errors":0},
        {"name":"frontend","spans":240,"calls":48,"errors":8},{"name":"gateway","spans":96,"calls":48,"errors":8},
        {"name":"orders","spans":152,"calls":48,"errors":8},{"name":"payments","spans":152,"calls":56,"errors":16},
        {"name":"recommend","spans":48,"calls":48,"errors":0},{"name":"sessions","spans":48,"calls":48,"errors":0}],
      "edges":[
        {"parent":"frontend","child":"catalog","calls":48,"errors":0,"p50":12100,"p90":15300,"p99":68200,"max":69300},
        {"parent":"frontend","child":"orders","calls":48,"errors":8,"p50":54100,"p90":68300,"p99":301000,"max":310000},
        {"parent":"frontend","child":"recommend","calls":48,"errors":0,"p50":7480,"p90":9450,"p99":42000,"max":42800},
        {"parent":"frontend","child":"sessions","calls":48,"errors":0,"p50":3740,"p90":4720,"p99":21000,"max":21400},
        {"parent":"gateway","child":"frontend","calls":48,"errors":8,"p50":84500,"p90":106000,"p99":474000,"max":483000},
        {"parent":"orders","child":"payments","calls":56,"errors":16,"p50":35600,"p90":49700,"p99":220000,"max":224000},
        {"parent":"payments","child":"acquirer.example.com","calls":48,"errors":8,"p50":26900,"p90":34000,"p99":151000,
         "max":154000},
        {"parent":"payments","child":"fraud","calls":48,"errors":0,"p50":5500,"p90":6950,"p99":30900,"max":31500}]}
      """
    static let operations = """
      {"service":"orders","operations":[
        {"name":"post /orders","calls":24,"errors":4,"p50":49200,"p90":80100,"p99":301000,"max":310000,"perSecond":0.0067},
        {"name":"get /orders","calls":120,"errors":0,"p50":3200,"p90":6100,"p99":22000,"max":41000,"perSecond":0.033}]}
      """
    static let propagation = """
      {"services":[
        {"service":"frontend","verdict":"forwards","message":"It passes on what it gets.","inbound":9,"continued":36,"started":0,
         "rate":1,"callees":[{"service":"catalog","continued":9,"started":0,"message":""}],"examples":[]},
        {"service":"orders","verdict":"breaks","message":"It does not copy the headers to its calls of payments.","inbound":9,
         "continued":0,"started":9,"rate":0,
         "callees":[{"service":"payments","continued":0,"started":9,"message":"each of its calls began a trace"}],
         "examples":[{"traceID":"000000006b756d610000000000c0ffee","brokenTraceID":"000000006b756d61000000000000b0b0",
           "callee":"payments","confidence":0.86}]},
        {"service":"fraud","verdict":"receives only","message":"It calls nobody.","inbound":9,"continued":0,"started":0,
         "rate":null,"callees":[],"examples":[]}]}
      """

    static func answer(_ path: String, _ api: CollectorAPI) async -> [UInt8]? {
      for (prefix, text) in [
        ("/api/graph", graph), ("/api/operations", operations), ("/api/propagation", propagation),
      ] where path.hasPrefix(prefix) {
        return Array(text.utf8)
      }
      return nil
    }
  }

  /// The services, their operations and who breaks traces.
  @Suite struct OtherViews {
    @Test("The graph shows who calls whom, and the table the same")
    func graph() async throws {
      try await serve(Checkout().spans, missing: Written.answer) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/graph")
          try await browser.wait(for: ".board .service")
          let services = try await browser.texts(
            "[...document.querySelectorAll('.service-name')].map((name) => name.textContent).sort()")
          #expect(services.count >= 8)
          for name in ["catalog", "fraud", "frontend", "gateway", "orders", "payments", "recommend", "sessions"] {
            #expect(services.contains(name), "\(name)")
          }
          let rows = try await browser.texts(of: ".tables section:last-child tbody tr")
          #expect(rows.contains { $0.hasPrefix("gateway → frontend") })
          #expect(rows.contains { $0.hasPrefix("orders → payments") })
          // Callers stand to the left of what they call, and no box on another.
          #expect(
            try await browser.isTrue(
              """
              (() => { const boxes = [...document.querySelectorAll(".service")].map((node) =>
                  [node.querySelector(".service-name").textContent, node.querySelector(".box").getBoundingClientRect()]);
                const left = (name) => boxes.find(([other]) => other === name)[1].left;
                return left("gateway") < left("frontend") && left("frontend") < left("orders") && left("orders") < left("payments")
                  && boxes.every(([one, a]) => boxes.every(([two, b]) => one === two || a.right <= b.left || b.right <= a.left
                    || a.bottom <= b.top || b.bottom <= a.top)); })()
              """))
          // Numbers come with the mouse and with the keyboard.
          try await browser.hover(".service[aria-label^='orders'] .box")
          try await browser.wait("document.querySelector('.info b')?.textContent === 'orders'")
          try await browser.evaluate("document.querySelector('.edge[aria-label^=\"orders calls payments\"]').focus()")
          try await browser.wait("document.querySelector('.info b')?.textContent === 'orders → payments'")
          #expect(try await browser.texts(of: ".info")[0].contains("p99"))
          try await browser.press("Enter")
          try await browser.wait(for: ".trace")
          #expect(try await browser.address() == "/?service=payments&errors=1")
          try await browser.goBack()
          try await browser.wait(for: ".board .service")
          try await browser.evaluate(
            "(() => { const field = document.getElementById('lookback'); field.value = '6h'; field.dispatchEvent(new Event('change')); })()"
          )
          try await browser.wait("location.search === '?lookback=6h'")
          try await browser.wait(for: ".board .service")
          try await browser.click(".service[aria-label^='orders']")
          try await browser.wait("location.pathname === '/services/orders'")
        }
      }
    }

    @Test("A service's operations are sorted by any column and lead to their traces")
    func operations() async throws {
      var spans = Checkout().spans
      for number: Int64 in 0..<5 {
        spans.append(
          Span(
            traceID: TraceID(low: UInt64(0x500 + number)), id: 1, kind: .server, name: "get /orders",
            timestamp: (now - 3_000) * 1_000, duration: 1_000 + number, localEndpoint: Endpoint(serviceName: "orders")))
      }
      try await serve(spans, missing: Written.answer) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/services/orders")
          try await browser.wait(for: ".operations tbody tr")
          #expect(try await browser.texts(of: ".operations tbody th") == ["get /orders", "post /orders"])
          try await browser.click("[data-sort=p99]")
          try await browser.wait("location.search === '?sort=p99'")
          #expect(try await browser.texts(of: ".operations tbody th") == ["post /orders", "get /orders"])
          #expect(try await browser.text("document.querySelector('[aria-sort]').innerText").hasPrefix("p99"))
          try await browser.press("Enter")
          try await browser.wait("location.search === '?sort=p99&order=up'")
          #expect(try await browser.texts(of: ".operations tbody th") == ["get /orders", "post /orders"])
          #expect(try await browser.texts(of: ".neighbours")[0].hasPrefix("Called by frontend"))
          try await browser.click(".operations tbody th a")
          try await browser.wait(for: ".trace")
          #expect(try await browser.address().hasPrefix("/?service=orders&span=get+%2Forders"))
        }
      }
    }

    @Test("The service that breaks traces is named, with examples, and at the top of every view")
    func propagation() async throws {
      try await serve(Checkout().spans, missing: Written.answer) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/propagation")
          try await browser.wait(for: ".verdict-line")
          // The verdicts themselves are the collector's affair and tested there.
          let answer = try await browser.texts(
            "fetch('/api/propagation').then((answer) => answer.json()).then(({ services }) => services.map((service) => service.service).sort())"
          )
          let shown = try await browser.texts(
            "[...document.querySelectorAll('.verdict-line .name')].map((name) => name.textContent).sort()")
          #expect(!shown.isEmpty && shown == answer)
          let breaking = try await browser.texts(
            "fetch('/api/propagation').then((answer) => answer.json()).then(({ services }) => services.filter((service) => service.verdict === 'breaks').map((service) => service.service))"
          )
          if breaking.isEmpty {
            #expect(try await browser.isTrue("document.getElementById('breaks').hidden"))
          } else {
            try await browser.wait(for: "#breaks:not([hidden])")
            #expect(try await browser.texts(of: "#breaks") == ["\(breaking.count)"])
            let first = try await browser.texts(of: ".verdict-line")[0]
            #expect(first.hasPrefix("\(breaking[0]) breaks traces"), "\(first)")
          }
        }
      }
    }

    @Test("Services that break only some traces now count too; one that was mended does not")
    func recentPropagation() async throws {
      // What the page makes of verdicts; how they come about is the collector's affair.
      let spans = (0..<60).flatMap { (number: Int64) -> [Span] in
        let checkout = Checkout(
          trace: 0xD000 + UInt64(number), fails: false, age: 90_000 - number * 900 - number * 37 % 80)
        var spans = checkout.spans
        // The last forty began traces.
        guard number >= 20 else { return spans }
        // What the call caused is in its trace.
        for index in spans.indices where spans[index].id >= 10 {
          if spans[index].id == 10 { spans[index].parentID = nil }
          spans[index].traceID = TraceID(low: 0xE000 + UInt64(number))
        }
        // In the last trace another service's tracer replaced a span id.
        if number == 59, let call = spans.firstIndex(where: { $0.id == 7 }) { spans[call].parentID = 0xDEAD }
        return spans
      }
      try await serve(spans) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/propagation")
          try await browser.wait(for: ".verdict-line")
          try await browser.wait(for: "#breaks:not([hidden])")
          #expect(try await browser.texts(of: "#breaks") == ["1"])
          #expect(try await browser.texts(of: ".view .banner, .banner")[0].hasPrefix("1 service breaks traces: orders"))
          let line = try await browser.texts(of: ".verdict-line")[0]
          #expect(line.hasPrefix("orders passes some on") || line.hasPrefix("orders breaks traces"), "\(line)")
          #expect(line.contains("in none of the last 40"), "\(line)")
          // Each thing is said once: of each callee what happens, and the list of headers for all of them.
          for text in ["orders forwards the trace headers to ", "Copy these headers", "x-b3-traceid"] {
            #expect(line.split(separator: text, omittingEmptySubsequences: false).count == 2, "\(text): \(line)")
          }
          let finding = try await browser.texts(of: "[data-kind='headers-not-copied']")[0]
          #expect(finding.hasPrefix("headers not copied → payments, since "), "\(finding)")
          // A call without a parent and the request for which it was probably made lead to each other.
          let trace = Hexadecimal.text(0xD000 + 59)
          try await browser.open("\(base)/traces/\(trace)?span=0000000000000007&side=client")
          for next in ["0000000000000002", "0000000000000007"] {
            try await browser.click(".note.probable button")
            try await browser.wait("location.search.includes('span=\(next)')")
            try await browser.wait(for: ".note.probable button")
          }
        }
      }
    }

    @Test("Every address that one would try leads somewhere, or says what there is")
    func addresses() async throws {
      try await serve(Checkout().spans, missing: Written.answer) { base, _ in
        try await Browser.run { browser in
          for (path, sign, nav) in [
            ("/services", ".board .service", "Services"), ("/services/", ".board .service", "Services"),
            ("/traces", ".trace", "Traces"), ("/traces/", ".trace", "Traces"), ("/gui", ".trace", "Traces"),
            ("/gui/meshes", ".trace", "Traces"), ("/propagation/", ".verdicts, .notice", "Propagation"),
            ("/compare", ".choice", "Traces"), ("/compare/c0ffee", ".choice", "Traces"), ("/file", ".notice", "Traces"),
          ] {
            try await browser.open(base + path)
            try await browser.wait(for: sign)
            #expect(try await browser.texts(of: ".views [aria-current]").first?.hasPrefix(nav) == true, "\(path)")
          }
          try await browser.open(base + "/compare/c0ffee")
          try await browser.wait(for: ".choice")
          #expect(try await browser.isTrue("document.activeElement === document.querySelectorAll('.choice input')[1]"))
          try await browser.type("C0FFEE")
          try await browser.press("Enter")
          try await browser.wait("location.pathname === '/compare/c0ffee/c0ffee'")
          for path in ["/nothing", "/traces/nonsense", "/compare/x/y", "/graph/a"] {
            try await browser.open(base + path)
            try await browser.wait(for: ".notice")
            #expect(try await browser.texts(of: ".notice h2") == ["There is nothing at this address"])
            #expect(try await browser.texts(of: ".notice .button") == ["All traces", "Services"])
          }
        }
      }
    }

    @Test("What a collector does not offer is said so")
    func notOffered() async throws {
      try await serve(Checkout().spans) { base, _ in
        try await Browser.run { browser in
          for path in ["/graph", "/services/orders", "/propagation"] {
            try await browser.open(base + path)
            try await browser.wait("document.querySelector('.notice, .board, .operations, .verdicts')")
            let notices = try await browser.texts(of: ".notice h2")
            #expect(notices.allSatisfy { $0.hasSuffix("is not available") || $0.hasSuffix("yet") }, "\(notices)")
            #expect(!browser.console.contains { $0.hasPrefix("exception") })
          }
        }
      }
    }
  }
}
