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
  /// Missing or unknown: handled as TCP.
  case unknown = "<unknown>"

  /// Parses the value of the protocol tag; upper case is accepted. Source: Kuma 2.7.
  public init(tag value: String?) {
    let name = value?.lowercased() ?? ""
    self = name == Self.unknown.rawValue ? .unknown : Self(rawValue: name) ?? .unknown
  }

  /// Whether the proxy can see and trace requests.
  public var isHTTP: Bool { self == .http || self == .http2 || self == .grpc }

  /// Whether the proxy speaks HTTP/2 to the application behind an inbound.
  public var isHTTP2: Bool { self == .http2 || self == .grpc }

  /// The protocols as which this one can be handled, the most specific first.
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

  /// The most specific protocol that both have in common. HTTP/1.1 and HTTP/2 have only TCP in common. An unknown
  /// protocol makes the result unknown. Source: Kuma 2.7.
  public func common(with other: ServiceProtocol) -> ServiceProtocol {
    let theirs = other.stack
    return stack.first { theirs.contains($0) } ?? .unknown
  }
}
