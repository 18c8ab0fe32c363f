/// The Service of a cluster that leads to the control planes.
enum ClusterService {
  /// The names under which it is reached from inside the cluster.
  static func names(_ name: String, namespace: String) -> [String] {
    let inNamespace = "\(name).\(namespace)"
    return [name, inNamespace, "\(inNamespace).svc", "\(inNamespace).svc.cluster.local"]
  }
}
