package import Documents
import OrderedCollections

/// What a namespace says about the pods in it.
package struct NamespaceFacts: Sendable, Hashable {
  /// The labels.
  package var labels: Annotations
  /// The annotations.
  package var annotations: Annotations

  /// Takes labels and annotations.
  package init(labels: Annotations = Annotations([:]), annotations: Annotations = Annotations([:])) {
    self.labels = labels
    self.annotations = annotations
  }

  /// Reads a Namespace.
  package init(of object: DocumentValue.Object) {
    self.init(labels: Annotations(object["metadata"]?["labels"]), annotations: Annotations(of: object))
  }

  /// Whether the pods of the namespace get sidecars, if they say nothing themselves.
  package var isInjected: Bool { (try? labels.boolean(MeshLabel.sidecarInjection.rawValue)) == true }
}
