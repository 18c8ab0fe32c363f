/// A pod, by the name of the Dataplane that stands for it.
package struct PodReference: Sendable, Hashable {
  /// The namespace.
  package var namespace: String
  /// The name of the pod.
  package var name: String

  /// Names a pod.
  package init(namespace: String, name: String) {
    self.namespace = namespace
    self.name = name
  }

  /// Parses the name of a Dataplane in a cluster, `<pod>.<namespace>`. The name of a pod may contain dots, that of a namespace
  /// cannot. `nil` for other names. Source: Kuma 2.7.
  package init?(dataplane: String) {
    guard let dot = dataplane.lastIndex(of: "."), dot != dataplane.startIndex else { return nil }
    let namespace = dataplane[dataplane.index(after: dot)...]
    guard !namespace.isEmpty else { return nil }
    self.init(namespace: String(namespace), name: String(dataplane[..<dot]))
  }
}
