package import MeshPolicy

extension ObservedService {
  /// Where clients reach each of the Service's ports, by service tag; empty for a Service that has no address of its own kind.
  package var addresses: [String: ServiceAddress] {
    guard !isExternalName, isHeadless || !clusterIPs.isEmpty else { return [:] }
    var addresses: [String: ServiceAddress] = [:]
    for port in ports where port.isTCP {
      guard let number = UInt16(exactly: port.number) else { continue }
      addresses[tag(ofPort: port.number)] = isHeadless ? .headless : .virtual(clusterIPs, port: number)
    }
    return addresses
  }
}
