import BrowserTestSupport
import Testing
import TraceTestSupport

@testable import TraceModel

extension PageInBrowser {
  /// Links that were made for Zipkin's page, in a browser.
  @Suite struct OldAddressViews {
    @Test("A search with a service at the other end and a time in the past shows what it found")
    func search() async throws {
      let spans = Checkout(trace: 1, age: 7_200_000).spans + Checkout(trace: 2, age: 5_000).spans
      try await serve(spans) { base, _ in
        try await Browser.run { browser in
          let past = "lookback=range&startTs=\(now - 7_300_000)&endTs=\(now - 7_100_000)"
          try await browser.open(base + "/zipkin/?serviceName=payments&remoteServiceName=acquirer.example.com&\(past)")
          try await browser.wait(for: ".trace")
          let shown = "[...document.querySelectorAll('.trace')].map((row) => row.dataset.trace)"
          #expect(try await browser.texts(shown) == ["000000006b756d610000000000000001"])
          #expect(try await browser.text("document.getElementById('filter-service').value") == "payments")
          #expect(
            try await browser.isTrue("document.querySelector('.field.span .range').textContent.includes('acquirer')"))
          try await browser.open(base + "/zipkin/?remoteServiceName=nobody&\(past)")
          try await browser.wait("document.querySelector('.traces')?.textContent.includes('No trace matches')")
          // Without the condition the trace is there again.
          try await browser.click(".field.span .range")
          try await browser.wait(for: ".trace")
        }
      }
    }

    @Test("The graph of a time in the past has its calls only") func graph() async throws {
      let spans =
        Checkout(trace: 1, age: 7_200_000).spans + [
          TraceTestSupport.span(trace: 9, 1, .client, service: "later", at: 0, remote: "latest")
        ]
      try await serve(spans) { base, _ in
        try await Browser.run { browser in
          try await browser.open(base + "/zipkin/dependency?startTs=\(now - 7_300_000)&endTs=\(now - 7_100_000)")
          try await browser.wait(for: ".board .service")
          let names = try await browser.texts(
            "[...document.querySelectorAll('.service-name')].map((name) => name.textContent)")
          #expect(names.contains("payments"))
          #expect(!names.contains("later"))
          #expect(
            try await browser.text("document.getElementById('lookback').value")
              == "\(now - 7_300_000)-\(now - 7_100_000)")
        }
      }
    }
  }
}
