package import KubernetesAPI
package import MeshModel

extension ResourceType {
  /// The kind of the objects that hold resources of the type: a custom resource, or Kubernetes' own Secret.
  package var kubernetesKind: KubernetesKind {
    guard !isSecret else { return .secret }
    return KubernetesKind(
      group: "kuma.io", version: "v1alpha1", kind: rawValue, plural: kubernetesPlural,
      isNamespaced: isNamespacedInKubernetes)
  }
}
