import MeshModel

/// How long spans and reports of an Envoy's Zipkin tracers may wait, as its runtime says. Source: Envoy 1.40.
struct ReportTiming: Sendable, Equatable {
  /// Where Envoy's administration interface tells it.
  static let path = "/runtime"
  /// Changes the interval to ``shortestInterval``.
  static let shortenPath = "/runtime_modify?\(intervalKey)=5"
  /// An interval that costs little and leaves almost no spans waiting.
  static let shortestInterval = Duration.milliseconds(5)

  private static let intervalKey = "tracing.zipkin.flush_interval_ms"
  private static let timeoutKey = "tracing.zipkin.request_timeout"
  /// The name of the layer that the administration interface writes to, in bootstraps of this project and in Envoy's default.
  private static let adminLayer = "admin"

  /// How long spans may wait for others. Timers that run may have been started with it.
  let interval: Duration
  /// How long the collector may take to answer a report, with all attempts.
  let answerTime: Duration
  /// Whether the administration interface can change the interval: not in bootstraps of Kuma and of earlier control planes.
  let canBeChanged: Bool

  /// Reads what the interface answers; anything that is not understood counts as Envoy's own choice, which cannot be changed.
  init(_ runtime: DocumentValue?) {
    func milliseconds(_ key: String) -> Duration? {
      let text = runtime?["entries"]?[key]?["final_value"]?.string
      // The control plane sets a very short interval for some seconds while tracers change. Timers may still run with that
      // of before, which may have been Envoy's own.
      return text.flatMap { Int64($0) }.flatMap { (100...60_000).contains($0) ? .milliseconds($0) : nil }
    }
    interval = milliseconds(Self.intervalKey) ?? .seconds(5)
    answerTime = milliseconds(Self.timeoutKey) ?? .seconds(5)
    canBeChanged = runtime?["layers"]?.array?.contains(.string(Self.adminLayer)) ?? false
  }
}
