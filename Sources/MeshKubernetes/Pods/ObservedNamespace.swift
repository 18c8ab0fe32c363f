import Documents
package import KubernetesAPI
import OrderedCollections

/// What matters of a namespace for the proxies of its pods.
package struct ObservedNamespace: Sendable, Hashable {
  /// The annotation with the mesh of its pods; empty for none.
  package var mesh = ""
  /// Whether it is being deleted with all that is in it.
  package var isTerminating = false
  /// Whether its pods get sidecars. A value that cannot be read does not count.
  package var isInjected = false

  /// A namespace that says nothing.
  package init() {}

  /// Reads an object. What has another form than the API server's counts as absent.
  package init(_ object: KubernetesObject) {
    let metadata = object.metadata
    mesh = Annotations(metadata["annotations"])[.mesh] ?? ""
    isTerminating = object["status"]?["phase"]?.string == "Terminating"
    isInjected = (try? Annotations(metadata["labels"]).boolean(MeshLabel.sidecarInjection.rawValue)) ?? false
  }
}
