import JSONText
import MeshControl
import MeshHTTP
import MeshModel
import MeshPolicy
import TraceAnalysis
import TraceHTTP
import TraceModel
import TraceStore
import TracingDiagnosis
import TracingInspection

/// What the collector in this process says of spans, in the terms of the mesh.
struct LiveSpanReceipts: SpanReceipts {
  let api: CollectorAPI
  let store: SegmentStore
  let propagation: PropagationMonitor
  /// The age after which spans are removed; `nil` for no limit.
  let maximumAge: Duration?
  let begin = Timestamp.now

  func received(of proxies: [ProxyID]) -> [ProxyID: ReceivedSpans] {
    var received: [ProxyID: ReceivedSpans] = [:]
    for proxy in proxies {
      received[proxy] = api.senders.report(ofNode: proxy.description).map(ReceivedSpans.init)
    }
    return received
  }

  /// When the last spans of a proxy were stored; `nil` if none was.
  func lastStored(of proxy: ProxyID) -> Timestamp? {
    api.senders.lastStored(ofNode: proxy.description).map(Timestamp.init(milliseconds:))
  }

  func programs() -> [DiagnosisInput.Program] {
    api.senders.reports().filter { $0.kind == .program }.flatMap { report in
      report.services.map { .init(name: report.id, service: $0, wrongUnit: report.wrongUnit?.rawValue) }
    }
  }

  func retention() -> DiagnosisInput.Retention {
    DiagnosisInput.Retention(
      age: maximumAge.map { $0 / .seconds(1) }, oldest: store.oldestTime.map(Timestamp.init(milliseconds:)))
  }

  func brokenTraces() async -> [String: String] { await propagation.propagationVerdicts().mapValues(\.summary) }

  func senders() async -> SenderList {
    // As the collector writes them itself, so that both say the same.
    var json = JSONWriter()
    do {
      json.senders(try await api.knownSenders())
    } catch {
      return SenderList(items: [], obstacle: error.message)
    }
    let items = (try? DocumentValue(json: json.bytes))?.array
    return SenderList(items: items ?? [], obstacle: items == nil ? "the trace collector's answer cannot be read" : nil)
  }
}

extension Timestamp {
  /// A time in milliseconds since 1970.
  fileprivate init(milliseconds: Int64) {
    self.init(nanosecondsSince1970: milliseconds.multipliedReportingOverflow(by: 1_000_000).partialValue)
  }
}

extension ReceivedSpans {
  /// What the collector knows of a proxy as a sender.
  fileprivate init(_ report: SenderReport) {
    self.init(since: Timestamp(milliseconds: report.since))
    for (listener, spans) in report.listeners {
      switch listener.side {
      case .server: stored[.init(.inbound, listener.cluster)] = spans
      case .client: stored[.init(.outbound, listener.cluster)] = spans
      case .unknown: break
      }
    }
    lastStored = report.lastStored.map(Timestamp.init(milliseconds:))
    refused = report.refused.map { .init(reason: $0.reason, spans: $0.spans, requests: $0.requests) }
    lastRefusal = report.lastRefusal.map {
      .init(reason: $0.reason, time: Timestamp(milliseconds: $0.time), status: $0.status)
    }
    clockOffset = report.clockOffset.map { Double($0) / 1000 }
    wrongUnit = report.wrongUnit?.rawValue
    services = report.services
    newestTrace = report.newestTrace.map { "\($0)" }
  }
}

/// Who receives the spans that are sent to a URL, as this control plane knows it.
struct LiveSpanReceivers: SpanReceivers {
  /// The addresses of this control plane's collector; `nil` if it has none.
  let addresses: CollectorAddresses?
  /// The names and addresses that settings give to all control planes together.
  let sharedNames: Set<String>
  let forms: ReportFormSelector

  func receiver(at url: CollectorURL, isAlone: Bool) -> DiagnosisInput.Receiver {
    if addresses?.receives(url) == true {
      // Under a name that several control planes have, spans arrive at any of their collectors.
      return isAlone || !sharedNames.contains(url.host.lowercased()) ? .own : .ours(url.origin)
    }
    return forms.isCollector(at: url) ? .ours(url.origin) : .other(url.origin)
  }

  func reports(of proxy: ProxyID, to tracing: TracingDestination) -> ReportForm? {
    forms.reports(of: proxy, to: tracing)
  }
}
