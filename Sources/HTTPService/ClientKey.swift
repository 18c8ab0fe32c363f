/// For whom a request counts, and whose turn it is.
package enum ClientKey: Hashable, Sendable {
  /// A client on this machine that has shown nothing of its own, or a part of the program.
  case machine
  /// Everybody at an address.
  case network(ClientNetwork)
  /// Somebody who has shown a token, a certificate or a session.
  case identity(String)

  /// The key of an address in text; ``machine`` for none and for loopback.
  package init(address: String?, isLoopback: Bool) {
    let network = isLoopback ? nil : address.flatMap { ClientNetwork($0) }
    self = network.map { .network($0) } ?? .machine
  }
}

extension Caller {
  /// The key of the client: who it is, or where.
  package var key: ClientKey { identity.map { .identity($0) } ?? ClientKey(address: address, isLoopback: isLoopback) }
}
