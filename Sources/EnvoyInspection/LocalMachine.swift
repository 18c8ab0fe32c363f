import MeshModel
import MeshXDS
import NIOCore

/// The machine of this program.
package enum LocalMachine {
  /// Whether a peer, in gRPC's form (`ipv4:127.0.0.1:40000`, `ipv6:[::1]:40000`, `unix:…`), is on this machine.
  package static func has(peer: String) -> Bool {
    if peer.hasPrefix("unix:") { return true }
    guard let host = ProxyAddress(remotePeer: peer, adminPort: nil).host,
      let address = try? SocketAddress(ipAddress: host, port: 0)
    else { return false }
    if HostRules.isLoopback(host) { return true }
    return ((try? System.enumerateDevices()) ?? []).contains { $0.address?.ipAddress == address.ipAddress }
  }
}
