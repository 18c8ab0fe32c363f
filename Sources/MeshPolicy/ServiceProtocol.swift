/// The protocol that a service speaks.
public enum ServiceProtocol: String, Sendable, Hashable, CaseIterable {
  /// gRPC over HTTP/2.
  case grpc
  /// HTTP/1.1.
  case http
  /// HTTP/2.
  case http2
  /// Kafka.
  case kafka
  /// Anything over TCP.
  case tcp
  /// Not given, or not known: handled as TCP.
  case unknown = "<unknown>"

  /// Reads the value of the protocol tag; upper case is accepted. Source: Kuma 2.7.
  public init(tag value: String?) {
    let name = value?.lowercased() ?? ""
    self = name == Self.unknown.rawValue ? .unknown : Self(rawValue: name) ?? .unknown
  }

  /// Whether requests are visible to the proxy, so that they can be traced.
  public var isHTTP: Bool { self == .http || self == .http2 || self == .grpc }

  /// Whether the application behind an inbound is spoken to in HTTP/2.
  public var isHTTP2: Bool { self == .http2 || self == .grpc }

  /// The protocols in which this one can be understood, the most specific first.
  private var stack: [ServiceProtocol] {
    switch self {
    case .grpc: [.grpc, .http2, .tcp]
    case .http2: [.http2, .tcp]
    case .http: [.http, .tcp]
    case .kafka: [.kafka, .tcp]
    case .tcp: [.tcp]
    case .unknown: []
    }
  }

  /// The protocol in which both endpoints can be spoken to. HTTP/1.1 and HTTP/2 have only TCP in common; an endpoint of
  /// unknown protocol makes the whole unknown. Source: Kuma 2.7.
  public func common(with other: ServiceProtocol) -> ServiceProtocol {
    let theirs = other.stack
    return stack.first { theirs.contains($0) } ?? .unknown
  }
}
