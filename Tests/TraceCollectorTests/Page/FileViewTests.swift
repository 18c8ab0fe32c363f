import BrowserTestSupport
import Foundation
import HTTPTypes
import MeshTestSupport
import Testing

@testable import TraceCollector

extension PageInBrowser {
  /// Files that are dropped on the page.
  @Suite struct FileView {
    private static func zipkin(_ spans: [Span]) -> String {
      var json = JSONWriter()
      json.spans(spans)
      return String(decoding: json.bytes, as: UTF8.self)
    }

    @Test("A file with one trace shows it at once, says what was in it, and stores it only if that is wanted")
    func oneTrace() async throws {
      let checkout = Checkout().spans
      try await serve([]) { base, store in
        try await Browser.run { browser in
          try await browser.open(base + "/")
          try await browser.wait(for: ".start")
          try await browser.drop(Self.zipkin(checkout), name: "checkout.json")
          try await browser.wait(for: ".row")
          #expect(try await browser.rows().count == 12)
          #expect(try await browser.address() == "/file")
          let told = try await browser.texts(of: ".banner.opened")[0]
          #expect(
            told.hasPrefix("checkout.json: 1 trace, 20 spans. It is shown from the file and not stored."), "\(told)")
          #expect(try await store.trace(TraceID(low: 0xC0FFEE)) == nil)
          // It is a view as any other.
          try await browser.press("j", "j")
          try await browser.wait("location.search.includes('span=')")
          try await browser.click(".banner.opened button")
          try await browser.wait(for: ".banner.opened a")
          #expect(try await store.trace(TraceID(low: 0xC0FFEE))?.count == 20)
          try await browser.click(".banner.opened a")
          try await browser.wait("location.pathname.startsWith('/traces/')")
          try await browser.wait(for: ".row")
          #expect(browser.console.filter { !$0.contains("/api/propagation") }.isEmpty)
        }
      }
    }

    @Test("A file with several traces lists them; each can be looked at, and another file takes its place")
    func severalTraces() async throws {
      let two = Checkout().spans + Checkout(trace: 0xBEEF, fails: false, age: 60_000, percent: 300).spans
      try await serve(two) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/graph")
          try await browser.wait(for: ".board")
          try await browser.drop(
            "[\(Self.zipkin(Array(two.prefix(20)))),\(Self.zipkin(Array(two.suffix(20))))]", name: "two.json")
          try await browser.wait(for: ".trace")
          #expect(try await browser.traces() == ["c0ffee", "beef"])
          #expect(try await browser.texts(of: ".banner.opened")[0].hasPrefix("two.json: 2 traces, 40 spans."))
          try await browser.click(".trace:nth-child(2) > a")
          try await browser.wait(for: ".row")
          #expect(try await browser.address() == "/file/000000006b756d61000000000000beef")
          try await browser.goBack()
          try await browser.wait(for: ".trace")
          try await browser.drop(Self.zipkin(Array(two.prefix(20))), name: "one.json")
          try await browser.wait(for: ".row")
          #expect(try await browser.texts(of: ".banner.opened")[0].hasPrefix("one.json: 1 trace, 20 spans."))
        }
      }
    }

    @Test("A file without traces is refused in words, and so is one that is too large")
    func refused() async throws {
      try await serve([]) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/file")
          try await browser.wait(for: ".notice")
          #expect(try await browser.texts(of: ".notice h2") == ["No file is open"])
          for (content, name) in [
            ("Dear all, the shop is slow.", "mail.txt"), ("", "empty.json"), (#"{"name":"kuma"}"#, "package.json"),
            ("[]", "list.json"), (#"[{"traceId":"1"}]"#, "half.json"), ("\u{0}\u{1}\u{2}", "noise.bin"),
          ] {
            try await browser.drop(content, name: name)
            try await browser.wait(
              "document.querySelector('.notice.failed h2')?.innerText === '\(name) cannot be opened'")
            let text = try await browser.texts(of: ".notice.failed p")
            #expect(text.count >= 2 && text[0].count > 10 && !text[0].contains("undefined"), "\(name): \(text)")
            #expect(text.contains { $0.hasPrefix("What can be opened: Jaeger's JSON") }, "\(text)")
          }
          try await browser.evaluate(
            """
            (() => { const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(11 * 1048576)], "large.json"));
              document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })); })()
            """)
          try await browser.wait(
            "document.querySelector('.notice.failed h2')?.innerText === 'large.json cannot be opened'")
          #expect(
            try await browser.texts(of: ".notice.failed p")[0] == "It has 11 MiB; this collector reads 10 MiB at once.")
        }
      }
    }

    @Test("Spans that cannot be read are told, and the others shown")
    func partly() async throws {
      let collector = try TestCollector()
      let body = #"[{"traceId":"a","id":"1","name":"x"},{"traceId":"a"},{"traceId":"a","id":"2","parentId":"1"}]"#
      let reply = await collector.send(.post, "/api/trees", Array(body.utf8))
      #expect(reply.status == 200)
      #expect(
        reply.text.hasPrefix(
          #"{"spanCount":2,"traceCount":1,"rejectedCount":1,"rejected":[{"index":1,"reason":"id is missing"}],"traces":[{"#
        ),
        "\(reply.text)")
      #expect(reply.text.contains(#""tree":{"#))
      #expect(collector.store.spanCount == 0)
      #expect(
        await collector.send(.post, "/api/trees?id=b", Array(body.utf8)).text
          == "there is no trace 000000000000000b in the file\n")
      #expect(await collector.send(.post, "/api/trees?id=x", Array(body.utf8)).status == 400)
      #expect(await collector.get("/api/trees").status == 405)
    }
  }
}
