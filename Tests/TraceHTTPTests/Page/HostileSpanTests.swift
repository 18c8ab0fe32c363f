import BrowserTestSupport
import Foundation
import TestSupport
import Testing

@testable import TraceModel

extension PageInBrowser {
  /// Spans from somebody who means no good, and traces in files of their own.
  @Suite struct HostileSpans {
    private static let names = [
      "<script>document.title='taken'</script>", "\"'><img src=x onerror=\"document.title='taken'\">",
      "</script><script>document.title='taken'</script><!--", "\u{202E}gpj.exe אבג",
      String(repeating: "long/", count: 2_000),
      "&lt;b&gt; {{x}} ${y} `z` \u{2028}\u{2029}", "\u{0}\u{1}\u{7F}", "javascript:document.title='taken'",
      "]]><svg/onload=1>",
    ]

    /// Every text of every field is hostile.
    private static let spans = names.enumerated().map { index, name in
      Span(
        traceID: TraceID(low: 0xBAD), id: UInt64(index + 1), parentID: index == 0 ? nil : 1,
        kind: index % 2 == 0 ? .server : .client, name: name, timestamp: now * 1_000,
        duration: 1_000 * Int64(index + 1),
        localEndpoint: Endpoint(serviceName: String(name.prefix(200)), ipv4: String(name.prefix(20))),
        remoteEndpoint: Endpoint(serviceName: String(name.prefix(200)), ipv6: String(name.prefix(20))),
        annotations: [.init(timestamp: now * 1_000, value: name)],
        tags: [.init("key \(name.prefix(200))", name), .init("error", name)])
    }

    private static func expectNothingRan(_ browser: Browser, _ place: String) async throws {
      #expect(!(try await browser.text("document.title")).hasPrefix("taken"), "\(place)")
      #expect(try await browser.number("document.querySelectorAll('main script, main img, main iframe').length") == 0)
      // Nothing sticks out to the right.
      let wide = try await browser.contentWidth()
      #expect(wide <= Double(1_440), "\(place) is \(wide) wide")
      #expect(browser.console.filter { !$0.contains("404") && !$0.contains("400 (Bad Request)") }.isEmpty, "\(place)")
    }

    @Test("Hostile names are text, whatever they hold, in every view")
    func names() async throws {
      try await serve(Self.spans + Checkout().spans) { base, _ in
        try await Browser.run { browser in
          for path in [
            "/", "/traces/bad", "/traces/bad?view=services", "/compare/bad/c0ffee", "/graph",
            "/services/\(Self.names[0].addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")",
            "/propagation",
            "/?service=%3Cscript%3Ealert(1)%3C/script%3E&q=%22%3E%3Cimg%20src=x%3E",
            "/traces/bad?find=%3Cscript%3E&fold=x.y.z&time=9-1",
          ] + (1...9).map({ "/traces/bad?span=000000000000000\($0)" }) {
            try await browser.open(base + path)
            try await browser.wait("document.querySelector('.trace, .row, .notice, .data, .board, .verdicts')")
            try await Self.expectNothingRan(browser, path)
          }
          let text = try await browser.text("document.querySelector('.details').textContent")
          #expect(text.contains("]]><svg/onload=1>"))
        }
      }
    }

    @Test("A name of a megabyte and a hundred thousand tags break no layout")
    func large() async throws {
      let name = String(repeating: "<b>x ", count: 200_000)
      let spans = [
        Span(
          traceID: TraceID(low: 0xB16), id: 1, kind: .server, name: name, timestamp: now * 1_000, duration: 1_000,
          localEndpoint: Endpoint(serviceName: "large"),
          tags: (0..<100_000).map { .init("tag \($0)", "value \($0)") } + [.init("long", name)])
      ]
      try await serve(spans) { base, _ in
        try await Browser.run { browser in
          for path in ["/", "/traces/b16", "/traces/b16?span=0000000000000001"] {
            try await browser.open(base + path)
            try await browser.wait(for: path == "/" ? ".trace" : ".row")
            try await Self.expectNothingRan(browser, path)
            #expect(try await browser.number("document.querySelectorAll('*').length") < 3_000)
            #expect(try await browser.number("document.body.scrollHeight") < 3_000)
          }
          #expect(try await browser.texts(of: ".details h3").first == "Tags (100,001)")
          #expect(
            try await browser.text("document.querySelector('.details section .quiet:last-child').textContent")
              .hasPrefix("Show 99,801 more"))
        }
      }
    }

    @Test("A trace in a file of its own opens from the disk, with everything and without a network")
    func file() async throws {
      let traces = Checkout().spans + Self.spans
      try await serve(traces) { base, _ in
        let folder = FileManager.default.temporaryDirectory.appending(path: "export-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await Browser.run { browser in
          for id in ["c0ffee", "bad"] {
            try await browser.open(base + "/graph")
            let answer = try await browser.texts(
              """
              fetch("/api/export/html/\(id)").then(async (answer) =>
                [String(answer.status), answer.headers.get("Content-Disposition"), await answer.text()])
              """)
            try #require(answer.count == 3 && answer[0] == "200")
            #expect(answer[1].hasPrefix("attachment; filename=\"trace-"))
            let html = answer[2]
            // One script is ours, the other is data, and no span ends it.
            #expect(html.matches(of: /<\/script/).count == 2)
            #expect(!html.contains("http://127"))
            let file = folder.appending(path: "\(id).html")
            try Data(html.utf8).write(to: file)
            try await browser.open(file.absoluteString)
            try await browser.wait(for: ".row")
            try await Self.expectNothingRan(browser, id)
            #expect(try await browser.number("performance.getEntriesByType('resource').length") == 0)
            if id == "c0ffee" {
              #expect(try await browser.rows().count == 12)
              try await browser.press("j", "j", "ArrowLeft", "?")
              try await browser.wait(for: "dialog[open]")
              try await browser.press("Escape")
              let shown = try await browser.text("location.hash")
              #expect(shown.contains("span=0000000000000002") && shown.contains("fold="), "\(shown)")
              try await browser.picture(try artifacts().appending(path: "collector-file-1440-light.png").path)
              try await browser.open("about:blank")
              try await browser.open(file.absoluteString + shown)
              try await browser.wait(for: ".row.selected")
              #expect(try await browser.rows().count == 2)
            } else {
              #expect(try await browser.text("document.querySelector('.row .operation').textContent") == Self.names[0])
            }
          }
          try await browser.open(base + "/graph")
          #expect(try await browser.number("fetch('/api/export/html/123').then((answer) => answer.status)") == 404)
        }
      }
    }
  }
}
