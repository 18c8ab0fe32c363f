import BrowserTestSupport
import Foundation
import JSONText
import TestSupport
import Testing

@testable import TraceFormats
@testable import TraceModel

extension PageInBrowser {
  /// One trace.
  @Suite struct TraceView {
    private static let joined = [
      "gateway post /checkout server !", "  frontend post /checkout !", "    sessions get /session",
      "    catalog get /items",
      "      catalog select items", "    recommend get /also-bought", "    orders post /orders !",
      "      orders reserve items",
      "      payments post /charge !", "      payments post /charge !", "        fraud post /score",
      "        payments → acquirer.example.com post /v1/charges client !",
    ]

    @Test("Every call is one row in its place, with the network between its sides, and errors marked")
    func waterfall() async throws {
      try await serve(Checkout().spans.reversed()) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/traces/c0ffee")
          try await browser.wait(for: ".row")
          #expect(try await browser.rows() == Self.joined)
          let facts = try await browser.texts(of: ".facts")[0]
          for text in ["Duration 84.0 ms", "Services 8", "Spans 20", "Depth 9", "Errors 10"] {
            #expect(facts.contains(text), "\(text)")
          }
          #expect(try await browser.texts(of: ".tick").prefix(3) == ["0", "20 ms", "40 ms"])
          // The answering side lies within the calling one, which is to be seen at both ends.
          let call =
            try await browser.evaluate(
              """
              (() => { const [outer, inner] = document.querySelectorAll("#row-2 .bar");
                const [a, b] = [outer.getBoundingClientRect(), inner.getBoundingClientRect()];
                return [b.left - a.left, a.right - b.right]; })()
              """) as? [Double] ?? []
          #expect(call.count == 2 && call.allSatisfy { $0 > 4 }, "\(call)")
          #expect(try await browser.number("document.querySelectorAll('.bar.outer').length") == 8)
          #expect(try await browser.number("document.querySelectorAll('.event').length") == 3)
          // Both sides apart.
          try await browser.click(".switch:last-of-type input")
          try await browser.wait("document.querySelectorAll('.row').length === 20")
          #expect(try await browser.address().contains("calls=apart"))
          #expect(
            try await browser.rows().prefix(3) == [
              "gateway post /checkout server !", "  gateway post /checkout client !",
              "    frontend post /checkout server !",
            ])
          #expect(browser.console.filter { !$0.contains("/api/propagation") }.isEmpty)
        }
      }
    }

    @Test("What the end waited for is underlined, without a gap, and can be turned off")
    func criticalPath() async throws {
      try await serve(Checkout().spans) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/traces/c0ffee")
          try await browser.wait(for: ".row")
          let parts =
            try await browser.evaluate(
              """
              [...document.querySelectorAll(".critical")].map((part) => [parseFloat(part.style.left), parseFloat(part.style.width)])
                .sort((a, b) => a[0] - b[0]).flat()
              """) as? [Double] ?? []
          var reached = 0.0
          for index in stride(from: 0, to: parts.count, by: 2) {
            #expect(abs(parts[index] - reached) < 0.01)
            reached = parts[index] + parts[index + 1]
          }
          #expect(abs(reached - 100) < 0.01)
          // In parallel to another call, which ended later.
          #expect(try await browser.number("document.querySelectorAll('#row-5 .critical').length") == 0)
          #expect(try await browser.text("getComputedStyle(document.querySelector('.critical')).display") == "block")
          try await browser.press("c")
          try await browser.wait("location.search === '?path=off'")
          #expect(try await browser.text("getComputedStyle(document.querySelector('.critical')).display") == "none")
        }
      }
    }

    @Test("A link to a span selects it, of two that share an id the right side, and shows all of it")
    func selection() async throws {
      try await serve(Checkout().spans) { base, _ in
        try await Browser.run { browser in
          for (side, service) in [("client", "orders"), ("server", "payments")] {
            try await browser.open("\(base)/traces/c0ffee?span=000000000000000a&side=\(side)")
            try await browser.wait(for: ".details:not([hidden])")
            #expect(try await browser.texts(of: ".details h2") == [service])
            let text = try await browser.texts(of: ".details")[0]
            for part in [
              "post /charge", "http.status_code 503", "error true",
              "upstream_cluster \(side == "client" ? "payments" : "localhost:8080")",
              "2.60 ms between them: 1.30 ms there, 1.30 ms back",
              "guid:x-request-id 8d0cbd4c-5a5d-9b1c-000000c0ffee",
              "000000000000000a", "parent 0000000000000007", ":8080", side,
            ] {
              #expect(
                text.replacing("copy", with: "").replacing("find", with: "").split(separator: " ").joined(
                  separator: " "
                ).contains(part), "\(part)")
            }
            #expect(try await browser.number(#"document.querySelectorAll('[aria-selected="true"].row').length"#) == 1)
          }
          #expect(try await browser.texts(of: ".events li").map { $0.hasSuffix("lock taken") } == [true, false])
          // From a tag to the traces that have it.
          try await browser.evaluate(
            "document.querySelector('[aria-label=\"Find traces with http.status_code=503\"]').click()")
          try await browser.wait(for: ".trace")
          #expect(try await browser.address() == "/?q=http.status_code%3D503")
        }
      }
    }

    @Test("Everything is done with keys")
    func keys() async throws {
      try await serve(Checkout().spans) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/traces/c0ffee")
          try await browser.wait(for: ".row")
          try await browser.press("j", "j")
          #expect(try await browser.texts(of: ".row.selected b") == ["frontend"])
          try await browser.press("ArrowLeft")
          try await browser.wait("document.querySelectorAll('.row').length === 2")
          #expect(try await browser.address().contains("fold=1"))
          try await browser.press("ArrowRight")
          try await browser.wait("document.querySelectorAll('.row').length === 12")
          try await browser.press("Enter")
          #expect(try await browser.isTrue("document.activeElement.classList.contains('details')"))
          try await browser.press("Escape", "Escape")
          try await browser.wait(for: ".details[hidden]")
          try await browser.press("n", "n", "n")
          #expect(try await browser.texts(of: ".row.selected .operation") == ["post /orders"])
          try await browser.press("z")
          try await browser.wait("location.search.includes('time=')")
          try await browser.press("-", "-", "-", "-")
          try await browser.wait("!location.search.includes('time=')")
          try await browser.press("+")
          try await browser.wait("location.search.includes('time=21000-63000')")
          try await browser.press("ArrowRight", modifiers: 8)
          try await browser.wait("location.search.includes('time=31500-73500')")
          try await browser.goBack()
          try await browser.wait("location.search.includes('time=21000-63000')")
          try await browser.press("s")
          try await browser.wait(for: ".statistics:not([hidden]) tbody tr")
          try await browser.press("?")
          try await browser.wait(for: "dialog[open]")
          #expect(try await browser.texts(of: "dialog kbd").contains("z"))
          try await browser.press("Escape")
          // What is folded, looked at and selected is in the address: another browser shows the same.
          try await browser.open(base + "/traces/c0ffee?fold=5&time=21000-63000&span=0000000000000007&side=server")
          try await browser.wait(for: ".row.selected")
          #expect(try await browser.number("document.querySelectorAll('.row').length") == 11)
          #expect(try await browser.texts(of: ".row.selected b") == ["orders"])
          #expect(try await browser.isTrue("parseFloat(document.querySelector('.veil.before').style.width) === 25"))
        }
      }
    }

    @Test("A part of the time is chosen in the overview")
    func minimap() async throws {
      try await serve(Checkout().spans) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/traces/c0ffee")
          try await browser.wait(for: ".row")
          try await browser.drag(".minimap", from: (0.25, 0.5), to: (0.75, 0.5))
          try await browser.wait("location.search.includes('time=')")
          let part = try await browser.texts("location.search.match(/\\d+/g)").compactMap(Double.init)
          #expect(part.count == 2 && abs(part[0] - 21_000) < 300 && abs(part[1] - 63_000) < 300, "\(part)")
          // Something is drawn in it.
          #expect(
            try await browser.isTrue(
              """
              (() => { const canvas = document.querySelector(".minimap canvas");
                return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value); })()
              """))
          try await browser.drag(".grip.to", from: (0.5, 0.5), to: (-10, 0.5))
          try await browser.wait("Number(location.search.match(/-(\\d+)/)[1]) < 60000")
          try await browser.press("Escape")
          try await browser.wait("!location.search.includes('time=')")
        }
      }
    }

    @Test("Text and services are found in a trace, and the rest is dimmed or hidden")
    func finding() async throws {
      try await serve(Checkout().spans) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/traces/c0ffee")
          try await browser.wait(for: ".row")
          try await browser.press("/")
          try await browser.wait("document.activeElement.id === 'find'")
          try await browser.type("any($1)")
          try await browser.wait("document.querySelector('.matches').textContent === '1 of 12'")
          #expect(try await browser.texts(of: ".row.found .operation") == ["select items"])
          #expect(try await browser.number("document.querySelectorAll('.row.dimmed').length") == 11)
          try await browser.press("Enter")
          try await browser.wait(for: ".row.selected")
          #expect(try await browser.texts(of: ".row.selected .operation") == ["select items"])
          try await browser.click(".tools .switch input")
          try await browser.wait("document.querySelectorAll('.row').length === 4")
          #expect(try await browser.address().contains("find=any"))
          try await browser.press("Escape", "Escape")
          try await browser.wait("document.querySelectorAll('.row').length === 12")
          try await browser.click(".title .chip:last-of-type")
          try await browser.wait("location.search.includes('service=fraud')")
          #expect(try await browser.texts(of: ".row.found b") == ["fraud"])
        }
      }
    }

    @Test("Clocks that differ are announced; the shift is shown and can be undone")
    func clocks() async throws {
      try await serve(Checkout(fails: false, clocks: ["payments": -38_000]).spans) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/traces/c0ffee")
          try await browser.wait(for: ".banner.clocks")
          let banner = try await browser.texts(of: ".banner.clocks")[0]
          #expect(banner.contains("1 call would have been answered before it was made."), "\(banner)")
          #expect(banner.contains("payments by +38.0 ms"), "\(banner)")
          let left = "parseFloat(document.querySelector('#row-8 .bar:not(.outer)').style.left)"
          #expect(try await browser.number(left) > 40)
          try await browser.click(".banner.clocks button")
          try await browser.wait("location.search === '?clock=recorded'")
          #expect(try await browser.number(left) < 10)
          #expect(try await browser.texts(of: ".banner.clocks button") == ["Shift them"])
          try await browser.open(base + "/traces/c0ffee?span=000000000000000a&side=server")
          try await browser.wait(for: ".details .note")
          #expect(try await browser.texts(of: ".details .note")[0].contains("with a shift of +38.0 ms it fits"))
        }
      }
    }

    @Test("What each service did itself is in a table")
    func statistics() async throws {
      try await serve(Checkout().spans) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/traces/c0ffee?view=services")
          try await browser.wait(for: ".statistics tbody tr")
          let rows = try await browser.texts(of: ".statistics tbody tr")
          #expect(rows[0] == "orders 4 3 11.5 ms 4.40 ms 15.9 ms · 19 %", "\(rows)")
          #expect(rows.contains("recommend 1 – 6.80 ms – –"), "\(rows)")
          try await browser.click(".statistics tbody button")
          try await browser.wait(for: ".row.found")
          #expect(try await browser.address() == "/traces/c0ffee?service=orders")
        }
      }
    }

    @Test("A piece of another trace is drawn as the guess that it is, under the service that broke the chain")
    func pieces() async throws {
      // The proxy of orders began a trace of its own for what orders called, each time.
      let spans = (0..<60).flatMap { (number: Int64) -> [Span] in
        let trace = 0xC0FFEE + UInt64(number) << 32
        var checkout = Checkout(trace: trace, fails: false, age: 5_000 + number * 900 + number * 37 % 80)
        let whole = checkout.spans
        checkout.trace = 0xB0B0 + UInt64(number) << 32
        let lost = checkout.spans.filter { [10, 11, 12].contains($0.id) }.map { span in
          var span = span
          if span.id == 10, span.kind == .client { span.parentID = nil }
          return span
        }
        return whole.filter { span in !lost.contains { $0.id == span.id } } + lost
      }
      try await serve(spans) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/traces/c0ffee")
          try await browser.wait(for: ".row.piece")
          let rows = try await browser.rows().suffix(4)
          let sure = rows.joined().firstMatch(of: /guess, ([0-9]+) % sure/)?.1 ?? "not"
          let percent = try #require(Int(sure))
          #expect(percent >= 80)
          #expect(
            rows == [
              "      orders reserve items", "      payments post /charge guess, \(sure) % sure",
              "        fraud post /score",
              "        payments → acquirer.example.com post /v1/charges client",
            ])
          #expect(
            try await browser.text("getComputedStyle(document.querySelector('.row.piece .bar')).borderTopStyle")
              == "dashed")
          let banner = try await browser.texts(of: ".banner.broken")[0]
          #expect(
            banner.hasPrefix("The chain breaks at orders. 1 piece that may belong here is drawn dashed."), "\(banner)")
          #expect(
            banner.contains(
              "guess, \(sure) % sure orders makes calls to payments for requests without their trace headers"),
            "\(banner)")
          // And the piece by itself leads to where it probably belongs.
          try await browser.click(".banner.broken li .link")
          try await browser.wait(for: ".banner.broken-off")
          let brokenOff = try await browser.texts(of: ".banner.broken-off")[0]
          #expect(brokenOff.hasPrefix("This trace was probably broken off another."), "\(brokenOff)")
          #expect(brokenOff.contains("guess, \(sure) % sure"), "\(brokenOff)")
          try await browser.click(".banner.broken-off .button")
          try await browser.wait(for: ".row.selected")
          #expect(
            try await browser.address().hasPrefix("/traces/000000006b756d610000000000c0ffee?span=0000000000000007"))
          #expect(try await browser.texts(of: ".details h2") == ["orders"])
          // No part of a guess is part of what the end waited for.
          #expect(try await browser.number("document.querySelectorAll('.row.piece .critical').length") == 0)
        }
      }
    }
  }
}
