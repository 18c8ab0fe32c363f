import BrowserTestSupport
import Foundation
import HTTPTypes
import JSONText
import TestSupport
import Testing

@testable import TraceFormats
@testable import TraceModel
@testable import TraceStore

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
      let one = Checkout().spans
      let other = Checkout(trace: 0xBEEF, fails: false, age: 60_000, percent: 300).spans
      try await serve(one + other) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/graph")
          try await browser.wait(for: ".board")
          try await browser.drop(
            "[\(Self.zipkin(one)),\(Self.zipkin(other))]", name: "two.json")
          try await browser.wait(for: ".trace")
          #expect(try await browser.traces() == ["c0ffee", "beef"])
          #expect(try await browser.texts(of: ".banner.opened")[0].hasPrefix("two.json: 2 traces, 38 spans."))
          try await browser.click(".trace:nth-child(2) > a")
          try await browser.wait(for: ".row")
          #expect(try await browser.address() == "/file/000000006b756d61000000000000beef")
          try await browser.goBack()
          try await browser.wait(for: ".trace")
          try await browser.drop(Self.zipkin(one), name: "one.json")
          try await browser.wait(for: ".row")
          #expect(try await browser.texts(of: ".banner.opened")[0].hasPrefix("one.json: 1 trace, 20 spans."))
        }
      }
    }

    @Test("Files of all forms are opened: Zipkin's, Jaeger's, OpenTelemetry's, and lines of these")
    func forms() async throws {
      let checkout = Checkout().spans
      var jaeger = JSONWriter()
      JaegerExport(checkout).write(to: &jaeger)
      let jaegerText = String(decoding: jaeger.bytes, as: UTF8.self)
      @Sendable func otlp(_ id: Int, _ name: String) -> String {
        """
        {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":\
        [{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"00000000000000\(id)","name":"\(name)","kind":2,\
        "startTimeUnixNano":"1790812800000000000","endTimeUnixNano":"1790812800050000000"}]}]}]}
        """
      }
      let lines = checkout.map { String(Self.zipkin([$0]).dropFirst().dropLast()) }.joined(separator: "\n")
      try await serve([]) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/file")
          try await browser.wait(for: ".notice")
          for (content, name, spans, root) in [
            (jaegerText, "jaeger.json", 20, "gateway"),
            (otlp(21, "get /cart"), "otlp.json", 1, "shop"),
            (otlp(21, "get /cart") + "\n" + otlp(22, "get /list") + "\n", "otlp.jsonl", 2, "shop"),
            (lines, "zipkin.jsonl", 20, "gateway"),
          ] {
            try await browser.drop(content, name: name)
            try await browser.wait("document.querySelector('.banner.opened')?.innerText.startsWith('\(name):')")
            try await browser.wait(for: ".row")
            let told = try await browser.texts(of: ".banner.opened")[0]
            #expect(told.hasPrefix("\(name): 1 trace, \(spans) span\(spans == 1 ? "" : "s"). It is shown"), "\(told)")
            #expect(try await browser.rows().first?.hasPrefix(root) == true, "\(name)")
          }
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
