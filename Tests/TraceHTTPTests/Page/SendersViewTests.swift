import BrowserTestSupport
import Foundation
import TestSupport
import Testing

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

extension PageInBrowser {
  /// The list of senders.
  @Suite struct SendersView {
    /// Sends a span of a proxy, from the page.
    private func send(_ id: Int, _ service: String, at time: Int64, _ browser: Browser) async throws {
      let span =
        #"[{"traceId":"\#(id)","id":"\#(id)","kind":"SERVER","timestamp":\#(time),"duration":900,"#
        + #""localEndpoint":{"serviceName":"\#(service)"},"tags":{"component":"proxy","node_id":"default.\#(service)-1"}}]"#
      try await browser.evaluate(
        """
        fetch("/api/v2/spans", { method: "POST", headers: { "Content-Type": "application/json" }, body: \(Browser.quoted(span)) })
          .then((answer) => { window.sent = \(id); window.answered = answer.status; });
        """)
      try await browser.wait("window.sent === \(id) && window.answered === 202")
    }

    @Test("Senders that need attention come first, with what to do; the others are below them")
    func list() async throws {
      try await PageInBrowser.serve([]) { base, _ in
        // The time of this moment: spans that are minutes old would say that a clock is off.
        let now = WallClock.system.milliseconds()
        try await Browser.run { browser in
          try await browser.open(base + "/senders")
          try await browser.wait("document.querySelector('.notice h2')?.textContent === 'Nobody has sent spans'")
          // Milliseconds in the place of microseconds, and a name that is no markup.
          try await send(1, "<b>shop</b>", at: now, browser)
          try await send(2, "web", at: now * 1_000, browser)
          try await send(3, "web", at: now * 1_000, browser)
          try await browser.open(base + "/senders")
          try await browser.wait(for: ".senders tbody")
          #expect(
            try await browser.texts(of: ".senders tbody tr:first-child > th")
              == ["default.<b>shop</b>-1 Proxy", "default.web-1 Proxy"])
          #expect(try await browser.texts(of: ".banner.broken") == ["1 of 2 senders needs attention."])
          let advice = try await browser.texts(of: ".senders .advice li")
          #expect(advice.count == 1)
          #expect(advice.allSatisfy { $0.contains("look like milliseconds") })
          let cells = try await browser.texts(of: ".senders tbody:last-child td")
          #expect(cells.prefix(3) == ["web", "Zipkin JSON", "2"])
          #expect(cells.dropFirst(4).first == "–")
          #expect(
            try await browser.texts(
              "[...document.querySelectorAll('.senders tbody:last-child a')].map((link) => link.getAttribute('href'))")
              == ["/services/web", "/traces/0000000000000003"])
          #expect(
            try await browser.text("document.querySelector('[data-view=senders]').getAttribute('aria-current')")
              == "page")
          #expect(try await browser.isTrue("document.documentElement.scrollWidth <= innerWidth"))
          try await browser.picture(PageInBrowser.artifacts().appending(path: "senders.png").path)
        }
      }
    }
  }
}
