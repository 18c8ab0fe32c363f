/// An IP address and a port.
package struct SocketAddress: Sendable, Hashable, Comparable {
  /// The IP address.
  package var address: String
  /// The port.
  package var port: UInt16

  /// Makes an address.
  package init(_ address: String, _ port: UInt16) {
    self.address = address
    self.port = port
  }

  /// By address, then port.
  package static func < (a: SocketAddress, b: SocketAddress) -> Bool { (a.address, a.port) < (b.address, b.port) }
}
