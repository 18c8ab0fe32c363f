package import NIOCore
package import NIOSSL

/// Where a server finds the TLS configuration of new connections.
package protocol TLSSource: Sendable {
  /// The configuration of a new connection: of the newest certificate. It is called on the connection's event loop, so that it
  /// must not block.
  ///
  /// - Throws: when there is no certificate; the connection is then closed.
  func context() throws -> NIOSSLContext

  /// Tells of a new connection, before ``context()`` is asked for it. It is called on the connection's event loop.
  func began(_ channel: any Channel)

  /// Tells that a client and the server could not agree on TLS.
  ///
  /// - Parameter caller: the client.
  func handshakeFailed(_ error: any Error, from caller: Caller)
}

extension TLSSource {
  package func began(_ channel: any Channel) {}
  package func handshakeFailed(_ error: any Error, from caller: Caller) {}
}

extension NIOSSLContext: TLSSource {
  /// A configuration that stays the same.
  package func context() -> NIOSSLContext { self }
}

/// Who may talk without encryption to a port that takes TLS.
package enum PlaintextRule: Sendable, Hashable {
  /// Everybody.
  case allowed
  /// Clients on this machine, over the loopback interface.
  case fromLoopback
  /// Nobody.
  case refused

  /// Whether a client may.
  func allows(isLoopback: Bool) -> Bool {
    switch self {
    case .allowed: true
    case .fromLoopback: isLoopback
    case .refused: false
    }
  }
}

/// How a server's connections are encrypted.
package struct Encryption: Sendable {
  /// The configuration of new connections.
  package var tls: any TLSSource
  /// Who may talk without encryption.
  package var plaintext: PlaintextRule

  /// Makes a description.
  package init(tls: any TLSSource, plaintext: PlaintextRule) {
    self.tls = tls
    self.plaintext = plaintext
  }
}
