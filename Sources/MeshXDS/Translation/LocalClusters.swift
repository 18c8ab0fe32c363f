import MeshPolicy

/// The clusters of a proxy's applications.
///
/// Kuma names them by port alone and drops the first of two applications with the same port. Here the first one keeps
/// Kuma's name and the others get longer names, so that requests reach the right application.
struct LocalClusters {
  private struct Application: Hashable {
    var address: String
    var port: UInt16
    var isHTTP2: Bool

    init(_ inbound: ProxyConfiguration.Inbound) {
      address = inbound.workloadAddress
      port = inbound.workloadPort
      isHTTP2 = inbound.serviceProtocol.isHTTP2
    }
  }

  private var firstAtPort: [UInt16: Application] = [:]

  init(_ inbounds: [ProxyConfiguration.Inbound]) {
    for inbound in inbounds where firstAtPort[inbound.workloadPort] == nil {
      firstAtPort[inbound.workloadPort] = Application(inbound)
    }
  }

  /// The name of the cluster behind an inbound.
  func name(for inbound: ProxyConfiguration.Inbound) -> String {
    let application = Application(inbound)
    guard let first = firstAtPort[application.port], first != application else {
      return EnvoyNames.localCluster(application.port)
    }
    return EnvoyNames.localCluster(application.address, application.port, isHTTP2: application.isHTTP2)
  }
}
