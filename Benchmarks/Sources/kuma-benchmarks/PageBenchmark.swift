import BrowserTestSupport
import Foundation
import TraceModel

/// How long a headless Chromium takes to show a trace, from the released collector.
enum PageBenchmark {
  private static let many = 10_000
  private static let few = 10

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    guard Browser.executable != nil else {
      say("  left out: there is no Chromium in PATH")
      return []
    }
    return try await CollectorProcess.run(context) { collector in
      try await HTTPSender.post(tree(of: many) + tree(of: few), port: collector.port, connections: 1)
      let page = "http://127.0.0.1:\(collector.port)/traces/"
      return try await Browser.run { browser in
        /// Milliseconds from the beginning of the page to its rows, as the page itself counts.
        func open(_ spans: Int) async throws -> Double {
          // Another address each time: the path alone would be the same page still.
          try await browser.open("about:blank")
          try await browser.open(page + String(spans, radix: 16))
          try await browser.wait(for: ".row")
          try BenchmarkFailure.unless(
            try await browser.texts(of: ".facts")[0].contains(spans == many ? "10,000" : "\(spans)"),
            "the page does not show \(spans) spans")
          // Until the frame with the rows has been drawn.
          return try await browser.number(
            """
            new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))
            """) / 1_000
        }
        let shown = try await Comparison(rounds: context.size(9, quick: 3)) {
          try await open(many)
        } baseline: {
          try await open(few)
        }
        return [
          ResultRow(
            "page", "a trace of 10000 spans readable, from the start of the page, wall", in: .seconds,
            against: "a trace of 10 spans", shown)
        ]
      }
    }
  }

  /// Bodies with a trace of so many spans, which is also its id: each span has two within it.
  private static func tree(of count: Int) -> [[UInt8]] {
    let begin = WallClock.system.milliseconds() * 1_000 - 10_000_000
    var spans: [String] = []
    func add(_ number: Int, _ from: Int64, _ length: Int64) {
      let parent = number == 1 ? "" : "\"parentId\":\"\(String(number / 2, radix: 16))\","
      spans.append(
        """
        {"traceId":"\(String(count, radix: 16))",\(parent)"id":"\(String(number, radix: 16))","kind":"SERVER",\
        "name":"step \(number)","timestamp":\(begin + from),"duration":\(max(1, length)),\
        "localEndpoint":{"serviceName":"service-\(number % 20)"},"tags":{"step":"\(number)"}}
        """)
      for child in [2 * number, 2 * number + 1] where child <= count {
        add(child, from + (child.isMultiple(of: 2) ? length / 20 : length / 2), length * 9 / 20)
      }
    }
    add(1, 0, 5_000_000)
    return stride(from: 0, to: spans.count, by: 1_000).map { first in
      Array("[\(spans[first..<min(first + 1_000, spans.count)].joined(separator: ","))]".utf8)
    }
  }
}
