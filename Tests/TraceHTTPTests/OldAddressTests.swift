import HTTPTypes
import Testing

@testable import TraceModel
@testable import TraceStore

/// Addresses of Zipkin's own pages lead to what they showed.
@Suite struct OldAddressTests {
  @Test(
    "Conditions and times are kept",
    arguments: [
      ("/zipkin", "/"), ("/zipkin/", "/"), ("/zipkin/traces/ABC", "/traces/0000000000000abc"),
      ("/zipkin/traces/5982fe77008310cc80f1da5e10147517?serviceName=x", "/traces/5982fe77008310cc80f1da5e10147517"),
      ("/zipkin/traces/nothing", "/"), ("/zipkin/traceViewer", "/"),
      // Lens.
      ("/zipkin/?serviceName=Shop", "/?service=shop"),
      (
        "/zipkin?serviceName=a&spanName=GET+%2Fx&remoteServiceName=b&annotationQuery=http.method%3DGET+and+error"
          + "&minDuration=10ms&maxDuration=1s&limit=10&lookback=15m",
        "/?service=a&span=get%20%2Fx&remote=b&q=http.method%3DGET%20and%20error&min=10ms&max=1s&lookback=15m&limit=20"
      ),
      ("/zipkin/?lookback=2h&endTs=1790812800000", "/?from=1790805600000&to=1790812800000"),
      (
        "/zipkin/?lookback=range&startTs=1790800000000&endTs=1790812800000",
        "/?from=1790800000000&to=1790812800000"
      ),
      ("/zipkin/?lookback=millis&millis=5000&endTs=1790812800000", "/?from=1790812795000&to=1790812800000"),
      ("/zipkin/?env=prod&annotationQuery=error", "/?q=error%20and%20env%3Dprod"),
      // The classic page.
      (
        "/zipkin/?serviceName=all&spanName=all&lookback=3600000&minDuration=250000&sortOrder=duration-desc",
        "/?min=250000us&lookback=1h&sort=longest"
      ),
      (
        "/?serviceName=a&lookback=custom&startTs=1790800000000&endTs=1790812800000",
        "/?service=a&from=1790800000000&to=1790812800000"
      ),
      ("/?serviceName=a&lookback=7200000", "/?service=a&from=1790805600000&to=1790812800000"),
      ("/?serviceName=a&lookback=x&limit=-1", "/?service=a"),
      // The calls between services.
      ("/zipkin/dependency", "/graph"), ("/zipkin/dependency/", "/graph"), ("/dependency", "/graph"),
      ("/zipkin/dependency?startTs=1790800000000&endTs=1790812800000", "/graph?from=1790800000000&to=1790812800000"),
      (
        "/zipkin/dependency?startTime=1790800000000&endTime=1790812800000",
        "/graph?from=1790800000000&to=1790812800000"
      ),
      ("/zipkin/dependency?endTs=1790812800000&lookback=3600000", "/graph?from=1790809200000&to=1790812800000"),
      ("/zipkin/dependency?lookback=86400000", "/graph?lookback=1d"),
      // Nothing that a sender of a link wrote stands in the address as it is.
      ("/zipkin/?serviceName=%0d%0aSet-Cookie:x&limit=150", "/?service=%0D%0Aset-cookie%3Ax&limit=200"),
    ])
  func present(old: String, new: String) async throws {
    let collector = try TestCollector { $0.autocompleteKeys = ["env"] }
    let reply = await collector.get(old)
    #expect(reply.status == 302)
    #expect(reply.field("Location") == new)
  }

  @Test("The page's own addresses stay where they are", arguments: ["/", "/?lookback=1h&service=a&limit=50", "/graph"])
  func own(path: String) async throws {
    let collector = try TestCollector()
    #expect(await collector.get(path).status == 200)
  }
}
