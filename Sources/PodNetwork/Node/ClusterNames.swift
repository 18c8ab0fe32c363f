import Documents
import KubernetesAPI
import OrderedCollections

/// The names of a cluster's DNS as `/etc/hosts`: those of Services, by their ClusterIPs or, of headless ones, by the addresses
/// of their pods.
struct ClusterNames: Sendable {
  var services: [KubernetesObject] = []
  var pods: [KubernetesObject] = []
  /// Further names with their addresses.
  var others: [String: String] = [:]

  /// The text for a pod.
  func hosts(for hostname: String, addresses: [String], namespace: String) -> String {
    var lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    lines += addresses.map { "\($0) \(hostname)" }
    lines += others.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    let sorted = services.sorted { ($0.namespace ?? "", $0.name) < ($1.namespace ?? "", $1.name) }
    for service in sorted {
      let place = service.namespace ?? ""
      let full = "\(service.name).\(place)"
      let names = ["\(full).svc.cluster.local", "\(full).svc", full] + (place == namespace ? [service.name] : [])
      for address in self.addresses(of: service) { lines.append("\(address) \(names.joined(separator: " "))") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func addresses(of service: KubernetesObject) -> [String] {
    let spec = service["spec"]
    let own = spec?["clusterIPs"]?.array?.compactMap(\.string) ?? [spec?["clusterIP"]?.string].compactMap(\.self)
    guard own.contains("None") else { return own.filter { !$0.isEmpty } }
    guard let selector = spec?["selector"]?.object, !selector.isEmpty else { return [] }
    return pods.filter { pod in
      let labels = pod.labels
      return pod.namespace == service.namespace && !pod.isBeingDeleted
        && selector.elements.allSatisfy { labels[$0.key] == $0.value.string }
        && (pod["status"]?["conditions"]?.array ?? []).contains {
          $0["type"]?.string == "Ready" && $0["status"]?.string == "True"
        }
    }
    .compactMap { $0["status"]?["podIP"]?.string }.sorted()
  }
}
