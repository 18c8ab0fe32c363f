package import KubernetesAPI
package import MeshModel

extension ResourceType {
  /// The kind of the custom resources of the type.
  package var customResource: KubernetesKind {
    KubernetesKind(
      group: "kuma.io", version: "v1alpha1", kind: rawValue, plural: kubernetesPlural,
      isNamespaced: isNamespacedInKubernetes)
  }
}
