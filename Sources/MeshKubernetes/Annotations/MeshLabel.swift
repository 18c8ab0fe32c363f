/// The labels of pods, namespaces and Secrets that are read here. Source: Kuma 2.7.
package enum MeshLabel: String, Sendable {
  /// Whether pods get a sidecar; on pods and namespaces.
  case sidecarInjection = "kuma.io/sidecar-injection"
  /// The mesh of a Secret.
  case mesh = "kuma.io/mesh"
}
