/// A kind of object as the API server knows it.
package struct KubernetesKind: Sendable, Hashable {
  /// The API group; empty for the core group.
  package var group: String
  /// The version in the group, such as `v1`.
  package var version: String
  /// The name in a document, such as `TrafficTrace`.
  package var kind: String
  /// The name in a path, such as `traffictraces`.
  package var plural: String
  /// Whether its objects live in namespaces.
  package var isNamespaced: Bool

  /// Describes a kind.
  package init(group: String = "", version: String, kind: String, plural: String, isNamespaced: Bool) {
    self.group = group
    self.version = version
    self.kind = kind
    self.plural = plural
    self.isNamespaced = isNamespaced
  }

  /// The `apiVersion` in a document: `v1`, `kuma.io/v1alpha1`.
  package var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

  /// The name with its group, as in rules of RBAC and in messages: `traffictraces.kuma.io`.
  package var qualifiedName: String { group.isEmpty ? plural : "\(plural).\(group)" }
}

extension KubernetesKind {
  package static let configMap = KubernetesKind(
    version: "v1", kind: "ConfigMap", plural: "configmaps", isNamespaced: true)
  package static let event = KubernetesKind(version: "v1", kind: "Event", plural: "events", isNamespaced: true)
  package static let namespace = KubernetesKind(
    version: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false)
  package static let node = KubernetesKind(version: "v1", kind: "Node", plural: "nodes", isNamespaced: false)
  package static let pod = KubernetesKind(version: "v1", kind: "Pod", plural: "pods", isNamespaced: true)
  package static let service = KubernetesKind(version: "v1", kind: "Service", plural: "services", isNamespaced: true)
  package static let serviceAccount = KubernetesKind(
    version: "v1", kind: "ServiceAccount", plural: "serviceaccounts", isNamespaced: true)
  package static let replicaSet = KubernetesKind(
    group: "apps", version: "v1", kind: "ReplicaSet", plural: "replicasets", isNamespaced: true)
  package static let job = KubernetesKind(
    group: "batch", version: "v1", kind: "Job", plural: "jobs", isNamespaced: true)
  package static let secret = KubernetesKind(version: "v1", kind: "Secret", plural: "secrets", isNamespaced: true)
  package static let lease = KubernetesKind(
    group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases", isNamespaced: true)
  package static let customResourceDefinition = KubernetesKind(
    group: "apiextensions.k8s.io", version: "v1", kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions", isNamespaced: false)
  package static let mutatingWebhookConfiguration = KubernetesKind(
    group: "admissionregistration.k8s.io", version: "v1", kind: "MutatingWebhookConfiguration",
    plural: "mutatingwebhookconfigurations", isNamespaced: false)
  package static let validatingWebhookConfiguration = KubernetesKind(
    group: "admissionregistration.k8s.io", version: "v1", kind: "ValidatingWebhookConfiguration",
    plural: "validatingwebhookconfigurations", isNamespaced: false)
}
