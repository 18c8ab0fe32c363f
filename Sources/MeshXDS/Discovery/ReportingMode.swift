import EnvoyAPI
import MeshModel
import SwiftProtobuf

/// The values of an Envoy's runtime by which its tracers report spans, as the resource that the runtime is discovered with.
struct ReportingMode: Sendable, Hashable {
  /// `tracing.zipkin.min_flush_spans`: the number of spans at which a report leaves. A tracer that is made gets buffers for
  /// that many.
  var minimumSpans: Int
  /// `tracing.zipkin.flush_interval_ms`: how often a report leaves with fewer spans.
  var interval: Duration
  /// `tracing.zipkin.request_timeout`.
  var requestTimeout: Duration
  /// Whether the Envoy may have tracers with buffers of five spans, which were made before it had this runtime. It is kept in
  /// the Envoy, because each of its next streams must know it.
  var hasSmallBuffers = false

  /// The name of the resource, and of the layer in the bootstrap.
  static let name = "tracing"
  /// The size of all buffers: no mode has reports of more spans.
  static let bufferSize = 256
  /// Envoy's default of ``minimumSpans``, and so the size of small buffers.
  static let smallBufferSize = SpanReporting.untraced.minimumSpans
  /// Envoy's default of ``interval``, the longest one in use.
  static let longestInterval = SpanReporting.untraced.flushInterval
  /// The interval while the number of spans is lowered: a buffer that misses the new number is sent after that time.
  static let shortInterval = Duration.milliseconds(5)
  /// The interval while replaced listeners drain, until shortly before the end.
  static let drainInterval = Duration.milliseconds(100)

  /// The mode of a reporting.
  init(_ reporting: SpanReporting) {
    self.init(
      minimumSpans: reporting.minimumSpans, interval: reporting.flushInterval,
      requestTimeout: reporting.requestTimeout)
  }

  private init(minimumSpans: Int, interval: Duration, requestTimeout: Duration) {
    self.minimumSpans = minimumSpans
    self.interval = interval
    self.requestTimeout = requestTimeout
  }

  /// The mode of an Envoy of which nothing is known yet: no buffer is too small for it, and no timer is slow.
  static let first: ReportingMode = {
    var mode = ReportingMode(.untraced)
    mode.interval = shortInterval
    mode.hasSmallBuffers = true
    return mode
  }()

  /// Whether timers are to be short.
  var isShort: Bool { interval == Self.shortInterval }

  /// Whether replaced listeners may drain.
  var isTemporary: Bool { interval <= Self.drainInterval }

  /// The mode of a resource set that a proxy holds; `nil` if it holds none of these modes.
  init?(_ set: ResourceSet?) {
    guard let resource = set?[Self.name], let mode = Self.byContent[resource.contentHash] else { return nil }
    self = mode
  }

  /// The mode as a resource set.
  var resources: ResourceSet { Self.encoded[self] ?? ResourceSet([encoded].compactMap { $0 }) }

  /// All modes in use, which a proxy may hold from an earlier stream.
  static let known: [ResourceSet] = Array(encoded.values)

  private static let encoded: [ReportingMode: ResourceSet] = {
    var sets: [ReportingMode: ResourceSet] = [:]
    for minimumSpans in Set(SpanReporting.all.map(\.minimumSpans) + [bufferSize]) {
      for interval in Set(SpanReporting.all.map(\.flushInterval) + [shortInterval, drainInterval]) {
        for requestTimeout in Set(SpanReporting.all.map(\.requestTimeout)) {
          for hasSmallBuffers in [false, true] {
            var mode = ReportingMode(
              minimumSpans: minimumSpans, interval: interval, requestTimeout: requestTimeout)
            mode.hasSmallBuffers = hasSmallBuffers
            if let resource = mode.encoded { sets[mode] = ResourceSet([resource]) }
          }
        }
      }
    }
    return sets
  }()

  private static let byContent: [ContentHash: ReportingMode] = {
    var modes: [ContentHash: ReportingMode] = [:]
    for (mode, set) in encoded {
      for resource in set.resources { modes[resource.contentHash] = mode }
    }
    return modes
  }()

  private var encoded: EncodedResource? {
    var runtime = Envoy_Service_Runtime_V3_Runtime()
    runtime.name = Self.name
    runtime.layer.fields = [
      "tracing.zipkin.min_flush_spans": Google_Protobuf_Value(numberValue: Double(minimumSpans)),
      "tracing.zipkin.flush_interval_ms": Google_Protobuf_Value(numberValue: Double(interval.wholeMilliseconds)),
      "tracing.zipkin.request_timeout": Google_Protobuf_Value(numberValue: Double(requestTimeout.wholeMilliseconds)),
    ]
    if hasSmallBuffers {
      runtime.layer.fields["kuma_trace.small_buffers"] = Google_Protobuf_Value(boolValue: true)
    }
    return try? runtime.resource(named: Self.name)
  }
}
