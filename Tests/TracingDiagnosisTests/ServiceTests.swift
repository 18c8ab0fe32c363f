import Testing
import TracingDiagnosis

/// What is said of a service, and of the way between two.
@Suite struct ServiceTests {
  private static func finding(_ proxy: String, _ cause: Cause) -> ProxyFinding {
    ProxyFinding(proxy: proxy, verdict: Verdict(cause, "It is \(cause.name)."))
  }

  private static let fine = [finding("web-1", .fine), finding("web-2", .fine)]

  @Test func theWorstProxySpeaksForItsService() {
    #expect(diagnose(service: "web", Self.fine).summary == "All 2 proxies of \"web\": It is fine.")
    let verdict = diagnose(
      service: "web", Self.fine + [Self.finding("web-4", .unknown), Self.finding("web-3", .nameNotResolved)])
    #expect(verdict.cause == .nameNotResolved)
    #expect(verdict.summary == "1 of 4 proxies of \"web\" (\"web-3\"): It is name-not-resolved.")
    #expect(diagnose(service: "web", Self.fine + [Self.finding("web-3", .unknown)]).level == .unknown)
  }

  @Test func aServiceWithoutProxiesIsNotFine() {
    let verdict = diagnose(service: "nobody", [])
    #expect(verdict.level == .fault && verdict.summary.contains("\"nobody\""))
  }

  @Test func theWayComesFirst() {
    let called = [Self.finding("api-1", .fine)]
    var way = ServiceWay(caller: "web", service: "api", proxiesWithOutbound: 0)
    #expect(diagnose(way, callers: Self.fine, called: called).cause == .noOutbound)
    way.proxiesWithOutbound = 2
    way.obstacle = "no endpoint of the service has the tag kuma.io/protocol"
    #expect(diagnose(way, callers: Self.fine, called: called).cause == .notHTTP)
    way.obstacle = nil
    (way.requestsOfCaller, way.requestsOfService) = (60, 0)
    #expect(diagnose(way, callers: Self.fine, called: called).cause == .pastTheProxy)
    way.requestsOfService = nil
    #expect(diagnose(way, callers: Self.fine, called: called).cause == .fine)
    way.requestsOfService = 60
    #expect(diagnose(way, callers: Self.fine, called: called).isFine)
    // The caller may call at another address.
    (way.requestsOfCaller, way.requestsToCaller) = (0, 120)
    let idle = diagnose(way, callers: Self.fine, called: called)
    #expect(idle.level == .waiting && idle.summary.hasSuffix("in which \"web\" itself was sent 120 requests."))
    #expect(idle.remedy.contains("calls \"api\" at another address"))
    let offline = [Self.finding("api-1", .proxyOffline)]
    #expect(diagnose(way, callers: Self.fine, called: offline).cause == .proxyOffline)
    #expect(diagnose(way, callers: [], called: called).level == .fault)
  }
}
