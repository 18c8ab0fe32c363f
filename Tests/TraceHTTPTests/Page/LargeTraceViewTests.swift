import BrowserTestSupport
import Foundation
import JSONText
import TestSupport
import Testing

@testable import TraceFormats
@testable import TraceModel

extension PageInBrowser {
  /// A trace that is too large to be drawn as a whole.
  @Suite struct LargeTraceView {
    @Test("A trace of ten thousand spans draws only the rows in sight")
    func manySpans() async throws {
      let begin = now * 1_000 - 10_000_000
      var spans: [Span] = []
      // A tree in which each span lies within its parent.
      func add(_ number: Int, _ parent: Int?, _ from: Int64, _ length: Int64) {
        spans.append(
          Span(
            traceID: TraceID(low: 0xB16), id: UInt64(number), parentID: parent.map(UInt64.init),
            kind: number % 3 == 0 ? nil : .server, name: "step \(number)", timestamp: begin + from,
            duration: max(1, length),
            localEndpoint: Endpoint(serviceName: "service-\(number % 20)"),
            tags: number % 997 == 0 ? [.init("error", "true")] : [.init("step", "\(number)")]))
        for child in [2 * number, 2 * number + 1] where child <= 10_000 {
          add(child, number, from + (child % 2 == 0 ? length / 20 : length / 2), length * 9 / 20)
        }
      }
      add(1, nil, 0, 5_000_000)
      #expect(spans.count == 10_000)
      try await serve([]) { [spans] base, _ in
        try await Browser.run { browser in
          // Over HTTP, as senders do.
          try await browser.open(base + "/graph")
          for start in stride(from: 0, to: spans.count, by: 2_500) {
            var json = JSONWriter()
            json.spans(Array(spans[start..<min(start + 2_500, spans.count)]))
            let status = try await browser.number(
              """
              fetch("/api/v2/spans", { method: "POST", headers: { "Content-Type": "application/json" },
                body: JSON.stringify(\(String(decoding: json.bytes, as: UTF8.self))) }).then((answer) => answer.status)
              """)
            #expect(status == 202)
          }
          try await browser.open(base + "/traces/b16")
          try await browser.wait(for: ".row")
          let first = try await browser.number("performance.now()")
          let waiting = try await browser.number(
            "performance.getEntriesByType('resource').find((entry) => entry.name.includes('/api/trees/')).duration")
          let count = "document.querySelectorAll('.row').length"
          #expect((20..<100).contains(try await browser.number(count)))
          #expect(try await browser.number("document.querySelectorAll('*').length") < 2_000)
          #expect(try await browser.texts(of: ".row b").first == "service-1")
          #expect(try await browser.texts(of: ".facts")[0].contains("10,000"))
          // To the end and back, as fast as the browser draws.
          let scrolling = try await browser.number(
            """
            (async () => { const begin = performance.now();
              for (let step = 0; step <= 60; step += 1) {
                window.scrollTo(0, (document.body.scrollHeight * step) / 60);
                await new Promise((done) => requestAnimationFrame(done));
              }
              return performance.now() - begin; })()
            """)
          try await browser.press("End")
          try await browser.wait(for: ".row.selected")
          #expect(try await browser.text("document.querySelector('.row.selected').id") == "row-9999")
          #expect((20..<100).contains(try await browser.number(count)))
          try await browser.press("/")
          try await browser.type("step 9970")
          try await browser.wait("document.querySelector('.matches').textContent === '1 of 10,000'")
          print(
            "10,000 spans: readable \(Int(first)) ms after the start of the page, \(Int(waiting)) ms of it for the "
              + "collector's answer; 61 steps through all of it in "
              + "\(Int(scrolling)) ms, \(Int(try await browser.number(count))) rows in the page")
          #expect(browser.console.filter { !$0.contains("404") }.isEmpty)
        }
      }
    }
  }
}
