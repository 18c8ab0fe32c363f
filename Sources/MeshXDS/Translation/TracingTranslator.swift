import EnvoyAPI
import MeshModel
import MeshPolicy
import SwiftProtobuf

/// Makes the part of an HTTP connection manager that says which requests are traced, and where to.
struct TracingTranslator {
  typealias ConnectionManager = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager
  typealias Tracing = ConnectionManager.Tracing

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
  /// What is read from `x-request-id`; `nil` for Envoy's own choice.
  private let requestID: Google_Protobuf_Any?

  init(_ destination: TracingDestination, identifyingService: String) throws(TranslationError) {
    self.destination = destination
    self.identifyingService = identifyingService
    var tracing = Tracing()
    // Absent means all requests and 0 means no request, so they must stay distinct.
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
    // Envoy traces a request by the first eight characters of its x-request-id, and none whose id does not begin with
    // hexadecimal digits, at 100 % too. Told not to look at the id, Envoy 1.40 traces everything, whatever the percentage:
    // that is right where all is meant, and nowhere else.
    if destination.samplingSteps.isAll {
      var requestID = Envoy_Extensions_RequestId_Uuid_V3_UuidRequestIdConfig()
      requestID.useRequestIDForTraceSampling = Google_Protobuf_BoolValue(false)
      self.requestID = try requestID.packed()
    } else {
      requestID = nil
    }
  }

  /// Has the requests of a listener traced.
  func trace(_ manager: inout ConnectionManager, _ direction: Direction) throws(TranslationError) {
    manager.tracing = try tracing(direction)
    if let requestID { manager.requestIDExtension.typedConfig = requestID }
  }

  private func tracing(_ direction: Direction) throws(TranslationError) -> Tracing {
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
