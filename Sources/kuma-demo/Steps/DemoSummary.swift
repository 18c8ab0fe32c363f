import Foundation

/// What a run without a person watching reports.
struct DemoSummary: Encodable, Sendable {
  /// Whether one tree of spans holds both sides of every call between the services, all from real Envoys.
  var ok = false
  /// Why not, if a step failed.
  var failure: String?
  var services: [String] = []
  /// The version of each Envoy, by service, as it reports it itself.
  var envoys: [String: String] = [:]
  /// The first trace.
  var traceId: String?
  var spans = 0
  var clientSpans = 0
  var serverSpans = 0
  /// From the start of the demo until all proxies had their configuration.
  var secondsToReady: Double?
  /// From the start of the demo until the first trace was whole.
  var secondsToFirstTrace: Double?
  /// From the start of `kumactl apply` until the last Envoy had taken its new listeners, by that Envoy's clock.
  var applyToLastAckMilliseconds: Int64?
  /// What kumactl warned of when the policy was applied as documented.
  var warnings: [String] = []
  /// The format in which each service's proxy reports its spans.
  var formats: [String: String] = [:]
  var requests = 0
  var errors = 0
  /// The service that was made to stop forwarding the headers.
  var broken: String?
  /// The services that the collector names as breaking traces.
  var named: [String] = []
  /// What it says of them.
  var namedBecause: [String] = []
  /// From the moment at which the service stopped until it was named.
  var secondsToNamed: Double?
  /// The address of the page while the demo ran.
  var page: String?
  /// Where the collector took spans by OTLP over HTTP meanwhile.
  var otlp: String?

  /// Whether the trace was found whole, and exactly the service was named that breaks traces, if one does.
  var isWhole: Bool { traceId != nil && spans > 0 && named == (broken.map { [$0] } ?? []) }

  /// The summary as JSON.
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    } catch {
      return #"{"ok": false, "failure": "the summary cannot be written as JSON"}"#
    }
  }
}
