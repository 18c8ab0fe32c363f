import Documents
package import KubernetesAPI
import OrderedCollections

extension PodPlan {
  /// What a plan needs of an object, and the name of a pod's service account, which its proxy's token names.
  package static func prune(_ kind: Kind, _ object: KubernetesObject) -> KubernetesObject {
    var pruned = object
    switch kind {
    case .pod: pruned.document = pod(object)
    case .service: pruned.document = service(object)
    case .namespace, .node: pruned.document = scope(object)
    case .dataplane: break
    }
    return pruned
  }

  private static func pod(_ object: KubernetesObject) -> DocumentValue.Object {
    var metadata = identity(object)
    let spec = object["spec"]
    var result = head(object)
    guard ObservedPod(KubernetesObject(["metadata": .object(metadata)])).concernsMesh else {
      metadata["annotations"] = nil
      metadata["labels"] = nil
      result["metadata"] = .object(metadata)
      result["spec"] = spec?.keeping(["serviceAccountName"])
      return result
    }
    let owners = object.metadata["ownerReferences"]?.array
    metadata["ownerReferences"] = owners.map { .array($0.map { $0.keeping(["kind", "name"]) }) }
    result["metadata"] = .object(metadata)
    var kept = spec?.keeping(["nodeName", "restartPolicy", "serviceAccountName"]).object ?? [:]
    kept["containers"] = spec?["containers"]?.array.map { .array($0.map(container)) }
    result["spec"] = .object(kept)
    let status = object["status"]
    var state = status?.keeping(["phase", "reason", "podIP"]).object ?? [:]
    for key in ["containerStatuses", "initContainerStatuses"] {
      guard let statuses = status?[key]?.array else { continue }
      state[key] = .array(
        statuses
          .filter { key == "containerStatuses" || $0["name"]?.string == ObservedPod.sidecar }
          .map(containerStatus))
    }
    result["status"] = .object(state)
    return result
  }

  private static func container(_ container: DocumentValue) -> DocumentValue {
    var kept = container.keeping(["name"]).object ?? [:]
    let ports = container["ports"]?.array
    kept["ports"] = ports.map { .array($0.map { $0.keeping(["name", "containerPort", "protocol"]) }) }
    for field in ObservedPod.probeFields {
      guard let action = container[field]?["httpGet"] else { continue }
      kept[field] = ["httpGet": action.keeping(["port", "path", "scheme", "host"])]
    }
    return .object(kept)
  }

  private static func containerStatus(_ status: DocumentValue) -> DocumentValue {
    var kept = status.keeping(["name", "ready"]).object ?? [:]
    if let terminated = status["state"]?["terminated"], terminated.object != nil {
      kept["state"] = ["terminated": terminated.keeping(["exitCode"])]
    }
    return .object(kept)
  }

  private static func service(_ object: KubernetesObject) -> DocumentValue.Object {
    var result = head(object)
    var metadata = identity(object)
    metadata["labels"] = nil
    result["metadata"] = .object(metadata)
    result["spec"] = object["spec"]?.keeping(["type", "clusterIP", "clusterIPs", "selector", "ports"])
    return result
  }

  private static func scope(_ object: KubernetesObject) -> DocumentValue.Object {
    var result = head(object)
    result["metadata"] = .object(identity(object))
    result["status"] = object["status"]?.keeping(["phase"])
    return result
  }

  private static func head(_ object: KubernetesObject) -> DocumentValue.Object {
    object.document.filter { ["apiVersion", "kind"].contains($0.key) }
  }

  /// The metadata without what nobody reads, such as managed fields and the annotations of others.
  private static func identity(_ object: KubernetesObject) -> DocumentValue.Object {
    let keys: Set = ["name", "namespace", "uid", "resourceVersion", "deletionTimestamp", "labels"]
    var metadata = object.metadata.filter { keys.contains($0.key) }
    let annotations = object.metadata["annotations"]?.object?.filter {
      $0.key.contains("kuma.io/") || ServiceAnnotation(rawValue: $0.key) != nil
    }
    if let annotations, !annotations.isEmpty { metadata["annotations"] = .object(annotations) }
    return metadata
  }
}

extension DocumentValue {
  /// The object with some of its fields.
  fileprivate func keeping(_ keys: Set<String>) -> DocumentValue {
    .object(object?.filter { keys.contains($0.key) } ?? [:])
  }
}
