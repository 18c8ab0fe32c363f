import PrometheusMetrics
import Synchronization
import TraceAnalysis
import TraceModel
import TraceStore

/// Metrics of the requests that stored spans tell of: how many, how many failed, how long they took. Each request counts once, when
/// the first of its spans is stored.
final class RequestMetrics: Sendable {
  private let tally: Mutex<RequestTally>
  private let clock: @Sendable () -> Int64
  private let pages = SharedResult<PrometheusText.Format, [UInt8]>()

  /// Follows a store from now on. The series are bounded by its limits.
  convenience init(of store: any SpanStore) {
    let clock = store.clock
    self.init(series: store.limits.metricSeries) { clock.milliseconds() }
    guard store.limits.metricSeries > 0 else { return }
    store.observe { [weak self] in self?.add($0) }
  }

  /// - Parameters:
  ///   - series: the most series of requests, and of calls.
  ///   - clock: milliseconds since 1970.
  init(series: Int, clock: @escaping @Sendable () -> Int64) {
    tally = Mutex(RequestTally(limit: series))
    self.clock = clock
  }

  /// Counts stored spans. It takes well under a microsecond a span, since the store's thread waits for it.
  func add(_ stored: StoredSpans) {
    let index = stored.index()
    let now = clock()
    tally.withLock { $0.add(index.entries, name: index.name, now: now) }
  }

  /// The metrics as text in UTF-8. Requests that wait at the same time share it.
  func page(_ format: PrometheusText.Format) async -> [UInt8] {
    await pages.result(format, for: pages.ticket()) { self.text(format) }
  }

  private func text(_ format: PrometheusText.Format) -> [UInt8] {
    let (series, overflow) = tally.withLock { ($0.series, $0.overflow) }
    var page = PrometheusText(format)
    page.add(
      "kuma_trace_request_duration_seconds", .histogram, "Requests that services answered, by stored spans.", [])
    for each in series where !each.subject.isCall { each.write("kuma_trace_request_duration_seconds", to: &page) }
    page.add(
      "kuma_trace_call_duration_seconds", .histogram,
      "Calls between services as their callers saw them, by stored spans.", [])
    for each in series where each.subject.isCall { each.write("kuma_trace_call_duration_seconds", to: &page) }
    page.add(
      "kuma_trace_series", .gauge, "Series of the metrics of requests and calls.", [.init(series.count)])
    page.add(
      "kuma_trace_series_overflow_total", .counter,
      "Requests and calls that count as other, because there were too many series.", [.init(overflow)])
    page.end()
    return page.bytes
  }
}

extension RequestTally.Series {
  /// The bounds of classes in seconds, as they are written.
  private static let bounds = RequestTally.bounds.map { "\(Double($0) / 1e6)" }

  /// The labels of the series.
  private var labels: [(String, String)] {
    let status = ("status", isError ? "error" : "ok")
    switch subject {
    case .request(_, _, let isConsumer):
      return [
        ("service", names.0), ("operation", names.1), ("kind", isConsumer ? "consumer" : "server"), status,
      ]
    case .call: return [("client", names.0), ("server", names.1), status]
    }
  }

  /// Adds the values to a page.
  fileprivate func write(_ name: String, to page: inout PrometheusText) {
    page.addHistogram(name, labels, bounds: Self.bounds, counts: counts, sum: Double(sum) / 1e6) { index in
      guard let exemplar = exemplars[index] else { return nil }
      return PrometheusText.Exemplar(
        Double(exemplar.duration) / 1e6, at: Double(exemplar.end) / 1e6, [("trace_id", "\(exemplar.trace)")])
    }
  }
}
