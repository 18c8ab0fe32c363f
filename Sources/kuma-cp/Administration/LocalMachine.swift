import NIOCore

/// The machine that this program runs on, as far as a peer's address tells.
enum LocalMachine {
  /// Whether a peer, in gRPC's form (`ipv4:127.0.0.1:40000`, `ipv6:[::1]:40000`, `unix:…`), is on this machine.
  static func has(peer: String) -> Bool {
    if peer.hasPrefix("unix:") { return true }
    guard let host = host(of: peer), let address = try? SocketAddress(ipAddress: host, port: 0) else { return false }
    if isLoopback(address) { return true }
    return ((try? System.enumerateDevices()) ?? []).contains { $0.address?.ipAddress == address.ipAddress }
  }

  /// The host of a peer, without brackets; `nil` when it has none.
  static func host(of peer: String) -> String? {
    guard let scheme = peer.firstIndex(of: ":"), let port = peer.lastIndex(of: ":"), scheme < port,
      ["ipv4", "ipv6"].contains(peer[..<scheme])
    else { return nil }
    var host = peer[peer.index(after: scheme)..<port]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    // A socket that takes both kinds of addresses shows the older kind within the newer (RFC 4291, section 2.5.5.2).
    if host.lowercased().hasPrefix("::ffff:"), host.contains(".") { host = host.dropFirst("::ffff:".count) }
    return String(host)
  }

  private static func isLoopback(_ address: SocketAddress) -> Bool {
    switch address {
    case .v4: address.ipAddress?.hasPrefix("127.") == true
    case .v6: address.ipAddress == "::1"
    case .unixDomainSocket: true
    }
  }
}
