import EnvoyAPI
import MeshModel
import MeshPolicy
import SwiftProtobuf

/// Makes the tracing section of an HTTP connection manager: which requests are traced, and where spans go.
struct TracingTranslator {
  typealias ConnectionManager = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager
  typealias Tracing = ConnectionManager.Tracing

  /// A listener's direction, which decides the names of Datadog services.
  enum Direction {
    /// Requests for a service of the proxy.
    case inbound(service: String)
    /// Requests to a service.
    case outbound(destination: String)
  }

  private let destination: TracingDestination
  private let identifyingService: String
  /// The section that all listeners share; without a tracer if the tracers differ.
  private let shared: Tracing
  /// The hash of the configuration of the Zipkin tracer, by which Envoy tells tracers apart; `nil` for Datadog.
  let tracer: ContentHash?
  /// How Envoy uses `x-request-id`; `nil` for Envoy's default.
  private let requestID: Google_Protobuf_Any?

  init(_ destination: TracingDestination, identifyingService: String) throws(TranslationError) {
    self.destination = destination
    self.identifyingService = identifyingService
    var tracing = Tracing()
    // A missing value means all requests and 0 means none, so they must stay distinct.
    if let sampling = destination.sampling { tracing.overallSampling.value = sampling }
    tracing.spawnUpstreamSpan = Google_Protobuf_BoolValue(false)
    if case .zipkin(let url, let options) = destination.receiver {
      var zipkin = Envoy_Config_Trace_V3_ZipkinConfig()
      zipkin.collectorCluster = CollectorAddress(destination).cluster
      zipkin.collectorEndpoint = url.path
      zipkin.collectorHostname = url.authority
      zipkin.collectorEndpointVersion = options.format == .protobuf ? .httpProto : .httpJson
      zipkin.traceID128Bit = options.traceId128bit
      if let sharedSpanContext = options.sharedSpanContext {
        zipkin.sharedSpanContext = Google_Protobuf_BoolValue(sharedSpanContext)
      }
      if options.usesW3CTraceContext { zipkin.traceContextOption = .useB3WithW3CPropagation }
      tracing.provider.name = "envoy.tracers.zipkin"
      tracing.provider.typedConfig = try zipkin.packed()
      tracer = ContentHash(of: tracing.provider.typedConfig.value)
    } else {
      tracer = nil
    }
    shared = tracing
    // Envoy samples by the first eight characters of x-request-id. It never traces a request whose id does not begin with
    // hexadecimal digits, even at 100 %. If Envoy 1.40 ignores the id, it traces every request at any percentage, so this is
    // right only for 100 %.
    if destination.samplingSteps.isAll {
      var requestID = Envoy_Extensions_RequestId_Uuid_V3_UuidRequestIdConfig()
      requestID.useRequestIDForTraceSampling = Google_Protobuf_BoolValue(false)
      self.requestID = try requestID.packed()
    } else {
      requestID = nil
    }
  }

  /// Enables tracing on a listener.
  func trace(_ manager: inout ConnectionManager, _ direction: Direction) throws(TranslationError) {
    manager.tracing = try tracing(direction)
    if let requestID { manager.requestIDExtension.typedConfig = requestID }
  }

  private func tracing(_ direction: Direction) throws(TranslationError) -> Tracing {
    guard case .datadog(_, _, let splitService) = destination.receiver else { return shared }
    var datadog = Envoy_Config_Trace_V3_DatadogConfig()
    datadog.collectorCluster = CollectorAddress(self.destination).cluster
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
