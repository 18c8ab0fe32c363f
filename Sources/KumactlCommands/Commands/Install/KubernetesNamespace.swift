import MeshModel

/// Names of namespaces in manifests.
enum KubernetesNamespace {
  /// Refuses a name that no namespace can have.
  static func check(_ name: String) throws(CommandFailure) {
    guard NameRules.violations(ofNewName: name).isEmpty, !name.contains("."), name.utf8.count <= 63
    else { throw CommandFailure("--namespace: \"\(name)\" is not a valid Kubernetes namespace") }
  }
}
