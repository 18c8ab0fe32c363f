import BrowserTestSupport
import Foundation
import HTTPService
import HTTPTypes
import LoopbackTestSupport
import TestSupport
import Testing

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

extension PageInBrowser {
  /// The line about the canary at the top.
  @Suite struct CanaryView {
    /// Serves a collector with a canary whose traces had these outcomes.
    private func serve(
      _ outcomes: [CanaryPlan.Outcome], _ body: @escaping @Sendable (Browser) async throws -> Void
    ) async throws {
      let collector = try TestCollector { $0.clock = .system }
      var settings = CollectorAPI.Settings()
      settings.canary = Canary(interval: .seconds(60))
      var random = SeededGenerator(seed: 1)
      for outcome in outcomes {
        let trace = CanaryTrace(at: PageInBrowser.now, using: &random)
        _ = settings.canary.note(outcome, of: trace, at: PageInBrowser.now)
      }
      let api = CollectorAPI(store: collector.store, settings: settings)
      try await LoopbackServer.run({ request, content in
        if request.path == "/session" {
          return Answer(type: MediaType.json, body: Array("{}".utf8)).message(to: request)
        }
        return await api.respond(to: request, body: content).message(to: request)
      }) { base in
        try await Browser.run { browser in
          try await browser.open(base + "/")
          try await body(browser)
        }
        api.stopWaiting()
      }
      withExtendedLifetime(collector) {}
    }

    @Test("A canary that is found is a quiet line with its delay")
    func found() async throws {
      try await serve([.found(after: .milliseconds(12))]) { browser in
        try await browser.wait("document.querySelector('#canary span').textContent === 'Canary 12.0 ms'")
        #expect(try await browser.isTrue("!document.querySelector('#canary').classList.contains('failing')"))
        let title = try await browser.text("document.querySelector('#canary').title")
        #expect(
          title.hasPrefix("The collector sends a trace to itself every 1 min 0 s. It found the last one 12.0 ms after"))
      }
    }

    @Test("One that is lost is marked, with the reason")
    func lost() async throws {
      try await serve([.found(after: .milliseconds(12)), .lost("it was stored, <b>and</b> no query finds it")]) {
        browser in
        try await browser.wait("document.querySelector('#canary.failing span')?.textContent === 'Canary lost'")
        let title = try await browser.text("document.querySelector('#canary').title")
        #expect(title.hasSuffix("it was stored, <b>and</b> no query finds it"))
      }
    }

    @Test("Before the first trace is through there is nothing")
    func waiting() async throws {
      try await serve([]) { browser in
        try await browser.wait(for: ".start")
        #expect(try await browser.isTrue("document.querySelector('#canary').hidden"))
      }
    }
  }
}
