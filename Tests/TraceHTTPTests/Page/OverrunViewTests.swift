import BrowserTestSupport
import Foundation
import TestSupport
import Testing

@testable import TraceModel

extension PageInBrowser {
  /// Called sides that end after their callers.
  @Suite struct OverrunView {
    @Test("A called side that goes on after its caller is drawn as recorded, and the rest is marked and explained")
    func overrun() async throws {
      let start = PageInBrowser.now * 1_000 - 60_000_000
      func side(_ kind: Span.Kind, _ service: String, _ address: String, at offset: Int64, for duration: Int64) -> Span
      {
        Span(
          traceID: TraceID(low: 0x0FF), id: 1, kind: kind, name: "get", timestamp: start + offset, duration: duration,
          localEndpoint: Endpoint(serviceName: service, ipv4: address),
          tags: kind == .client ? [.init("error", "timeout")] : [], isShared: kind == .server)
      }
      let spans = [
        side(.client, "shop", "10.9.1.1", at: 0, for: 1_000_000),
        side(.server, "stock", "10.9.1.2", at: 900_000, for: 300_000),
      ]
      try await serve(spans) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/traces/0ff")
          try await browser.wait(for: ".lane .overrun")
          #expect(try await browser.texts(of: ".banner.clocks").isEmpty)
          #expect(try await browser.texts(of: ".legend") == ["1 call went on after the caller's side had ended"])
          #expect(
            abs(try await browser.number("parseFloat(document.querySelector('.lane .bar.server').style.left)") - 75)
              < 0.1)
          let overrun = "parseFloat(document.querySelector('.lane .overrun').style"
          #expect(abs(try await browser.number("\(overrun).left)") - 83.33) < 0.1)
          #expect(abs(try await browser.number("\(overrun).width)") - 16.67) < 0.1)
          let title = try await browser.text("document.querySelector('.lane .overrun').title")
          #expect(title.hasPrefix("Went on for 200 ms after the caller's side had ended"), "\(title)")
          try await browser.open(base + "/traces/0ff?span=0000000000000001&side=server")
          try await browser.wait(for: ".details .note")
          #expect(try await browser.texts(of: ".details .note").contains { $0.hasPrefix("It went on for 200 ms") })
        }
      }
    }
  }
}
