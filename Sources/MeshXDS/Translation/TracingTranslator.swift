import EnvoyAPI
import MeshModel
import MeshPolicy
import SwiftProtobuf

/// Makes the part of an HTTP connection manager that says which requests are traced, and where to.
struct TracingTranslator {
  typealias Tracing = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager.Tracing

  /// What a listener is for, which decides the names of Datadog's services.
  enum Direction {
    /// Requests for a service of the proxy.
    case inbound(service: String)
    /// Requests to a service.
    case outbound(destination: String)
  }

  private let destination: TracingDestination
  private let identifyingService: String
  /// The part that is the same for all listeners; without a tracer where that differs.
  private let shared: Tracing

  init(_ destination: TracingDestination, identifyingService: String) throws(TranslationError) {
    self.destination = destination
    self.identifyingService = identifyingService
    var tracing = Tracing()
    // Absent means all requests and 0 none, so the one must not become the other.
    if let sampling = destination.sampling { tracing.overallSampling.value = sampling }
    tracing.spawnUpstreamSpan = Google_Protobuf_BoolValue(false)
    if case .zipkin(let url, let format, let traceId128bit, let sharedSpanContext) = destination.receiver {
      var zipkin = Envoy_Config_Trace_V3_ZipkinConfig()
      zipkin.collectorCluster = EnvoyNames.tracingCluster(destination.backend)
      zipkin.collectorEndpoint = url.path
      zipkin.collectorHostname = url.authority
      zipkin.collectorEndpointVersion = format == .protobuf ? .httpProto : .httpJson
      zipkin.traceID128Bit = traceId128bit
      if let sharedSpanContext { zipkin.sharedSpanContext = Google_Protobuf_BoolValue(sharedSpanContext) }
      tracing.provider.name = "envoy.tracers.zipkin"
      tracing.provider.typedConfig = try zipkin.packed()
    }
    shared = tracing
  }

  /// The tracing of one listener.
  func tracing(_ direction: Direction) throws(TranslationError) -> Tracing {
    guard case .datadog(_, _, let splitService) = destination.receiver else { return shared }
    var datadog = Envoy_Config_Trace_V3_DatadogConfig()
    datadog.collectorCluster = EnvoyNames.tracingCluster(destination.backend)
    switch direction {
    case .inbound(let service):
      datadog.serviceName = splitService ? "\(service)_INBOUND" : service
    case .outbound(let destination):
      datadog.serviceName =
        splitService ? "\(identifyingService)_OUTBOUND_\(destination)" : identifyingService
    }
    var tracing = shared
    tracing.provider.name = "envoy.tracers.datadog"
    tracing.provider.typedConfig = try datadog.packed()
    return tracing
  }
}
