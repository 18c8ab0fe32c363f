public import HTTPTypes
package import NIOCore

/// What a server knows about the client that sent a request.
public struct Caller: Sendable, Hashable {
  /// The address of the client, without the port; nil if it is not known.
  public var address: String?
  /// Whether the client is on this machine and came over the loopback interface.
  public var isLoopback: Bool
  /// Whether the request came over TLS.
  public var isSecure: Bool
  /// The certificate of the client as DER, if TLS has verified one; nil for none.
  public var certificate: [UInt8]?
  /// Who it is, as ``RequestAccess`` has found; empty for a server that does not ask.
  public var name: String
  /// The groups to which it belongs.
  public var groups: [String]
  /// By which name its requests count together, whatever its address; nil for a client that has shown nothing of its own.
  package var identity: String?

  /// Makes a caller.
  public init(
    address: String?, isLoopback: Bool, isSecure: Bool, certificate: [UInt8]? = nil, name: String = "",
    groups: [String] = []
  ) {
    self.address = address
    self.isLoopback = isLoopback
    self.isSecure = isSecure
    self.certificate = certificate
    self.name = name
    self.groups = groups
  }

  /// A client on this machine without TLS, of whom no more is known.
  public static let local = Caller(address: "127.0.0.1", isLoopback: true, isSecure: false)

  /// The caller at the other end of a connection.
  package init(of address: SocketAddress?, isSecure: Bool, certificate: [UInt8]?) {
    self.init(
      address: address?.ipAddress, isLoopback: address?.isLoopback ?? false, isSecure: isSecure,
      certificate: certificate)
  }
}

/// Decides whether a request may go on.
public protocol RequestAccess: Sendable {
  /// Decides on a request whose head is complete, before its body arrives. It is called on the connection's event loop, so that
  /// it must not block.
  ///
  /// - Parameter caller: what the connection tells about the client; it has no name yet.
  func decide(on request: HTTPRequest, from caller: Caller) -> AccessDecision
}

/// What becomes of a request.
public enum AccessDecision: Sendable {
  /// It goes on; the caller has its name and groups.
  case allowed(Caller)
  /// It gets the answer. The reason is for the log, and must not be in the answer.
  case refused(Answer, reason: String)
}

extension SocketAddress {
  /// Whether it is an address of the loopback interface: 127.0.0.0/8, also in the form of IPv6, or ::1.
  package var isLoopback: Bool {
    // The system writes addresses in one way only.
    guard let ipAddress else { return false }
    return switch self {
    case .v4: ipAddress.hasPrefix("127.")
    case .v6: ipAddress == "::1" || ipAddress.hasPrefix("::ffff:127.")
    case .unixDomainSocket: false
    }
  }
}
