import MeshModel

/// How often the Zipkin tracers of an Envoy send the spans that wait, as its runtime says. Source: Envoy 1.40.
struct FlushInterval: Sendable, Equatable {
  /// Where Envoy's administration interface tells it.
  static let path = "/runtime"
  /// Changes the interval to ``shortest``.
  static let shortenPath = "/runtime_modify?\(key)=5"
  /// An interval that costs little and leaves almost no spans waiting.
  static let shortest = Duration.milliseconds(5)
  /// Envoy's own choice.
  static let usual = Duration.seconds(5)

  private static let key = "tracing.zipkin.flush_interval_ms"
  /// The name of the layer that the administration interface writes to, in bootstraps of this project and in Envoy's default.
  private static let adminLayer = "admin"

  /// The interval. Timers that run may have been started with it.
  let value: Duration
  /// Whether the administration interface can change it: not in bootstraps of Kuma and of earlier control planes.
  let canBeChanged: Bool

  /// Reads what the interface answers; anything that is not understood counts as Envoy's own choice, which cannot be changed.
  init(_ runtime: DocumentValue?) {
    let text = runtime?["entries"]?[Self.key]?["final_value"]?.string
    let milliseconds = text.flatMap { Int64($0) } ?? 5_000
    // The control plane sets a very short interval for some seconds while tracers change. Timers may still run with that of
    // before, which may have been Envoy's own.
    value = (100...60_000).contains(milliseconds) ? .milliseconds(milliseconds) : Self.usual
    canBeChanged = runtime?["layers"]?.array?.contains(.string(Self.adminLayer)) ?? false
  }
}
