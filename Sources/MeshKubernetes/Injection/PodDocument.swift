import Documents
import OrderedCollections

/// A pod as it was sent, and what the injector reads of it. What has the wrong kind counts as absent: the API server has checked
/// the object.
struct PodDocument {
  /// The whole object.
  let object: DocumentValue.Object
  let labels: Annotations
  let annotations: Annotations

  init(_ object: DocumentValue.Object) {
    self.object = object
    labels = Annotations(object["metadata"]?["labels"])
    annotations = Annotations(of: object)
  }

  var spec: DocumentValue { object["spec"] ?? [:] }
  var containers: [DocumentValue] { spec["containers"]?.array ?? [] }
  var initContainers: [DocumentValue] { spec["initContainers"]?.array ?? [] }
  var volumes: [DocumentValue] { spec["volumes"]?.array ?? [] }

  /// The name of a container, for messages.
  static func name(of container: DocumentValue) -> String { container["name"]?.string ?? "" }

  /// The names of containers that run as a user.
  static func names(of containers: [DocumentValue], runningAs user: Int64) -> [String] {
    containers.filter { $0["securityContext"]?["runAsUser"]?.number == Double(user) }.map(name(of:))
  }
}
