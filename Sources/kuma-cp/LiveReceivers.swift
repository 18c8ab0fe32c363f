import EnvoyInspection
import MeshControl
import MeshModel
import MeshPolicy
import ReceiverInspection
import TraceAnalysis

/// Answers the questions that decide the form of reports: of this control plane's collector in this process, of others over HTTP.
struct LiveReceivers: ReceiverQuestions {
  /// The addresses of this control plane's collector; `nil` if it has none.
  let addresses: CollectorAddresses?
  /// Who has sent spans to this control plane's collector.
  let senders: Senders?
  let client: ReceiverClient
  let administration: EnvoyAdministrationClient

  func identity(at url: CollectorURL) async -> ReceiverAnswer {
    addresses?.receives(url) == true ? .own : await client.identity(at: url)
  }

  func reportAges(of proxies: [ProxyID], at url: CollectorURL) async -> [ProxyID: Duration]? {
    guard addresses?.receives(url) == true, let senders else {
      return await client.reportAges(of: proxies, at: url)
    }
    let known = senders.arrivals(of: proxies.map(\.description), at: url.authority)
    var ages: [ProxyID: Duration] = [:]
    for proxy in proxies { ages[proxy] = known[proxy.description].map { .milliseconds($0.age) } }
    return ages
  }

  func answeredReports(of proxy: ProxyID, toBackend backend: String) async -> UInt64? {
    try? await administration.answeredReports(of: proxy, toBackend: backend)
  }
}
