import MeshModel
import MeshPolicy
import MeshXDS

@testable import MeshControl

/// Proxies with tokens. A token is for one of two services, and the port of a Dataplane says which service it has.
extension LifecycleSimulation {
  /// The service of a Dataplane with a port. Users write Dataplanes with the port 9.
  static func service(ofPort port: UInt32?) -> String { port == 1 ? "red" : "blue" }

  static func service(of dataplane: Resource) -> String {
    service(ofPort: dataplane.content(Dataplane.self)?.networking?.inbound.first?.port)
  }

  static func authority(over service: String) -> ProxyAuthority {
    ProxyAuthority { Self.service(of: $0) == service ? nil : "its service is not \(service)" }
  }

  /// Tells control planes, some time later, that a Dataplane was written.
  mutating func announce(_ proxy: ProxyID) {
    guard plan.hasTokens else { return }
    for index in planes.indices { planes[index].pending.append(Pending(news: proxy)) }
  }

  /// A Dataplane was removed.
  mutating func checkRight(toRemove old: Resource, _ proxy: ProxyID) {
    if old.labels[LifecycleSettings.registrationLabel] == nil { fail("\(proxy.name), which a user wrote, is removed") }
    // With several control planes, one removes what the proxies of another have left.
    if plan.planes == 1, let leaver = lastLeaver[proxy], leaver != Self.service(of: old) {
      fail("\(proxy.name), which is \(Self.service(of: old)), is removed because a proxy of \(leaver) has left")
    }
  }
}
