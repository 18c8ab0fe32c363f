public import MeshModel
import OrderedCollections
import TraceHeaders

/// Why a proxy is traced or not: everything that decided it, for people.
public struct ProxyExplanation: Sendable, Hashable {
  /// The proxy.
  public var proxy: ProxyID
  /// Every policy that matches, the winner first.
  public var candidates: [PolicyPrecedence]
  /// The result of looking up the winner's backend; `nil` when no policy matches.
  public var resolution: BackendResolution?
  /// Why proxies cannot report to that backend; `nil` when they can.
  package var backendObstacle: String?
  /// The proxy's listeners, inbounds first.
  public var listeners: [Listener]
  /// The proxy's connection; `nil` when it was not requested.
  public var connection: ProxyConnection?
  /// What is known of security fixes for the proxy's Envoy; `nil` when its version is not known or was not requested.
  package var envoy: EnvoyAdvice?
  /// The form of the proxy's reports; `nil` when it is not connected or does not report to Zipkin.
  public var reports: ReportForm?
  /// How the proxy takes its application's connections; `nil` when the application makes them to the proxy.
  package var capture: CaptureExplanation?

  /// A listener with its verdict.
  public struct Listener: Sendable, Hashable {
    /// The side of the application on which it listens.
    public enum Direction: String, Sendable, Hashable {
      /// Requests to the application.
      case inbound
      /// Requests of the application.
      case outbound
    }

    /// The side.
    public var direction: Direction
    /// The IP address.
    public var address: String
    /// The port.
    public var port: UInt16
    /// The service that is offered or called.
    public var service: String
    /// The protocol that the proxy speaks there.
    public var serviceProtocol: ServiceProtocol
    /// Why requests leave no spans here under any policy; `nil` when they can.
    public var obstacle: String?
    /// What to do about the obstacle; `nil` when nothing is known that helps.
    package var fix: String?
  }

  /// Whether any request through the proxy leaves spans, once the proxy has its configuration.
  public var isTraced: Bool {
    guard let backend = resolution?.backend, backendObstacle == nil, !SamplingSteps(percent: backend.sampling).isNone
    else { return false }
    return listeners.contains { $0.obstacle == nil }
  }

  /// How many listeners send spans, once the proxy has its configuration.
  package var tracedListeners: Int {
    resolution?.backend == nil || backendObstacle != nil ? 0 : listeners.count { $0.obstacle == nil }
  }

  /// The verdict in a sentence, followed by the reason why the running Envoy does not follow it, if there is one.
  public var summary: String {
    ([verdict, connection?.obstacle, envoyShortfall] as [String?]).compactMap { $0 }.joined(separator: " ")
  }

  /// Why the running Envoy does not do all that the backend asks for, in sentences; `nil` when it does, or when none is connected.
  package var envoyShortfall: String? {
    guard connection?.status == .online, let backend = resolution?.backend else { return nil }
    return EnvoyFeature.shortfall(of: envoy?.version ?? "", for: backend)
  }

  private var verdict: String {
    guard let winner = candidates.first else {
      return "Not traced: no TrafficTrace of the mesh matches this proxy."
    }
    switch resolution {
    case nil, .noDefault?:
      return "Not traced: TrafficTrace \"\(winner.name)\" names no backend, and the mesh has no tracing.defaultBackend."
    case .unknown(let backend)?:
      return
        "Not traced: TrafficTrace \"\(winner.name)\" leads to the tracing backend \"\(backend)\", which the mesh does "
        + "not have; there is no fallback to another."
    case .found(let backend)?:
      if let backendObstacle {
        return "Not traced: the tracing backend \"\(backend.name)\" cannot be used; \(backendObstacle)."
      }
      let traced = listeners.count { $0.obstacle == nil }
      guard !listeners.isEmpty else { return "Not traced: the proxy has no listeners." }
      guard traced > 0 else {
        let which =
          listeners.count == 1 ? "the one listener does not see" : "none of the \(listeners.count) listeners sees"
        if let fix = ProtocolFix.first(of: listeners) { return "Not traced: \(which) HTTP; \(fix)." }
        // The Dataplanes of the services decide the protocols of a gateway's outbounds. Its own tag cannot be HTTP.
        let isCaller = listeners.allSatisfy { $0.direction == .outbound }
        let place = isCaller ? " in the Dataplanes of the services that it calls" : ""
        return "Not traced: \(which) HTTP; set the tag \(TagName.protocol)\(place)."
      }
      let steps = SamplingSteps(percent: backend.sampling)
      if steps.isNone {
        let reason =
          steps.isLess(than: backend.sampling ?? 0)
          ? "is below Envoy's smallest step of 0.01, which makes it 0" : "traces nothing"
        return
          "Not traced, but for requests whose callers ask for it: the sampling of the tracing backend \"\(backend.name)\", "
          + "to which TrafficTrace \"\(winner.name)\" leads, \(reason)."
      }
      return
        "Traced by TrafficTrace \"\(winner.name)\": \(traced) of \(listeners.count) listeners send spans to the tracing "
        + "backend \"\(backend.name)\"."
    }
  }

  /// The explanation in document form.
  public var document: DocumentValue {
    let backend: DocumentValue
    switch resolution {
    case nil: backend = .null
    case .noDefault?: backend = ["status": "noDefault"]
    case .unknown(let name)?: backend = ["status": "unknown", "name": .string(name)]
    case .found(let found)?:
      var object: DocumentValue.Object = ["status": "found", "name": .string(found.name), "type": .string(found.type)]
      object["sampling"] = found.sampling.map(DocumentValue.number) ?? .null
      object["headers"] = .array(found.forwardedHeaders.map(DocumentValue.string))
      backend = .object(object)
    }
    var document: DocumentValue.Object = [
      "mesh": .string(proxy.mesh), "name": .string(proxy.name), "traced": .bool(isTraced), "summary": .string(summary),
      "winner": candidates.first.map { .string($0.name) } ?? .null,
      "candidates": .array(
        candidates.map { candidate in
          [
            "name": .string(candidate.name),
            "rank": [
              "exact": .integer(Int64(candidate.rank.exact)), "wildcard": .integer(Int64(candidate.rank.wildcard)),
            ],
            "creationTime": .string(candidate.creationTime.description),
          ]
        }),
      "backend": backend,
      "listeners": .array(
        listeners.map { $0.document(isTraced: resolution?.backend != nil && backendObstacle == nil) }),
    ]
    if let capture { document["capture"] = capture.document }
    if let reports { document["reports"] = reports.document }
    if let connection { document["connection"] = connection.document }
    if let envoy { document["envoyAdvice"] = envoy.document }
    if let envoyShortfall { document["envoyShortfall"] = .string(envoyShortfall) }
    return .object(document)
  }
}

extension ProxyExplanation.Listener {
  fileprivate func document(isTraced: Bool) -> DocumentValue {
    var object: DocumentValue.Object = [
      "direction": .string(direction.rawValue), "address": .string(address), "port": .integer(Int64(port)),
      "service": .string(service), "protocol": .string(serviceProtocol.rawValue),
      "traced": .bool(isTraced && obstacle == nil),
    ]
    if let obstacle { object["reason"] = .string(obstacle) }
    if let fix { object["fix"] = .string(fix) }
    return .object(object)
  }
}

extension MeshIndex {
  /// Why a proxy is traced or not; `nil` when there is no such proxy.
  public func explanation(for proxy: String) -> ProxyExplanation? {
    configuration(for: proxy).map(explanation(of:))
  }

  /// Why a proxy with a configuration is traced or not. The listeners are those of the configuration: its inbounds, then all of its
  /// outbounds.
  package func explanation(of configuration: ProxyConfiguration) -> ProxyExplanation {
    let proxy = configuration.proxy.name
    let resolution = resolution(for: proxy)
    return ProxyExplanation(
      proxy: configuration.proxy, candidates: candidates(for: proxy), resolution: resolution,
      backendObstacle: resolution?.backend.flatMap { collectors.obstacles[$0.name]?.description },
      listeners: configuration.inbounds.map(\.explained)
        + configuration.allOutbounds.map { outbound in
          outbound.explained { self.contributions[outbound.destination.service] ?? [:] }
        },
      capture: configuration.capture.map(CaptureExplanation.init))
  }
}

extension ProxyConfiguration.Inbound {
  fileprivate var explained: ProxyExplanation.Listener {
    var listener = ProxyExplanation.Listener(
      direction: .inbound, address: address, port: port, service: service, serviceProtocol: serviceProtocol)
    guard !serviceProtocol.isHTTP else { return listener }
    listener.obstacle =
      tags[TagName.protocol] == nil
      ? "the inbound has no tag \(TagName.protocol) and is handled as TCP"
      : "the protocol is \(serviceProtocol.rawValue), and only requests of http, http2 and grpc are traced"
    listener.fix = ProtocolFix.ofInbound(tags)
    return listener
  }
}

extension ProxyConfiguration.Outbound {
  fileprivate func explained(_ contributions: () -> [String: [ServiceEndpoints.Endpoint]]) -> ProxyExplanation.Listener
  {
    var listener = ProxyExplanation.Listener(
      direction: .outbound, address: address, port: port, service: destination.service,
      serviceProtocol: destination.serviceProtocol, obstacle: destination.tracingObstacle)
    if listener.obstacle != nil { listener.fix = ProtocolFix.ofService(contributions()) }
    return listener
  }
}

extension ServiceEndpoints {
  /// Why requests to the service cannot be traced at their callers; `nil` when they can.
  fileprivate var tracingObstacle: String? {
    guard !serviceProtocol.isHTTP else { return nil }
    guard !endpoints.isEmpty else { return "the service has no healthy endpoint, so its protocol is not known" }
    let tagged = endpoints.map { $0.tags[TagName.protocol] }
    let missing = tagged.count { $0 == nil }
    if missing == endpoints.count { return "no endpoint of the service has the tag \(TagName.protocol)" }
    if missing > 0 {
      return "\(missing) of \(endpoints.count) endpoints \(missing == 1 ? "has" : "have") no tag \(TagName.protocol)"
    }
    let protocols = Set(tagged.compactMap { $0?.lowercased() }).sorted()
    guard protocols.count > 1 else {
      return "the protocol is \(protocols.first ?? ""), and only requests of http, http2 and grpc are traced"
    }
    return "the endpoints speak different protocols (\(protocols.joined(separator: ", "))) and have only TCP in common"
  }
}

extension TracingBackend {
  /// The tracing headers that services must copy, for proxies that send spans to this backend.
  var forwardedHeaders: [String] {
    switch kind {
    case .datadog: ForwardedHeaders.forDatadog
    default:
      (try? zipkin())?.usesW3CTraceContext == true ? ForwardedHeaders.forZipkinWithW3C : ForwardedHeaders.forZipkin
    }
  }
}
