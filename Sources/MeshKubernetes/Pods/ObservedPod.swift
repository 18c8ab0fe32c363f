import Documents
package import KubernetesAPI
import OrderedCollections

/// What matters of a pod for its proxy.
package struct ObservedPod: Sendable, Hashable {
  package var name: ObjectName
  package var uid: String
  package var labels: [String: String]
  package var annotations: Annotations
  /// Whether it is being deleted.
  package var isBeingDeleted: Bool
  /// What it belongs to, in the order of the object.
  package var owners: [Workload]
  /// The node on which it runs; empty before it has one.
  package var node: String
  /// `Always`, `OnFailure` or `Never`.
  package var restartPolicy: String
  /// The containers of the application and the sidecar.
  package var containers: [Container]
  /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
  package var phase: String
  /// Why it is in that phase, such as `Evicted`.
  package var reason: String
  /// The IP address; empty while it has none.
  package var address: String
  /// What is said of the containers, by their names.
  package var statuses: [String: ContainerStatus]
  /// Whether the sidecar is an init container that keeps running, and ready; `nil` when there is no such status.
  package var isSidecarInitReady: Bool?

  /// A container.
  package struct Container: Sendable, Hashable {
    package var name: String
    package var ports: [Port]
    /// The HTTP probes, in Kuma's order: liveness, readiness, startup.
    package var probes: [HTTPProbe]
  }

  /// A port of a container.
  package struct Port: Sendable, Hashable {
    package var name: String
    package var number: UInt32
    package var isTCP: Bool
  }

  /// An HTTP probe that a proxy can serve in plain: one without TLS, at the pod's own address, at a port with a number.
  package struct HTTPProbe: Sendable, Hashable {
    package var port: UInt32
    package var path: String
  }

  /// What the node says of a container.
  package struct ContainerStatus: Sendable, Hashable {
    package var isReady: Bool
    /// The status with which the container has ended; `nil` while it has not.
    package var exitCode: Int64?
  }

  /// The name of the container in which the proxy runs. Source: Kuma 2.7.
  package static let sidecar = "kuma-sidecar"

  /// Reads an object. What has another form than the API server's counts as absent.
  package init(_ object: KubernetesObject) {
    let metadata = object.metadata
    name = ObjectName(object)
    uid = object.uid
    labels = object.labels
    annotations = Annotations(metadata["annotations"])
    isBeingDeleted = object.isBeingDeleted
    owners = (metadata["ownerReferences"]?.array ?? []).map {
      Workload(kind: $0["kind"]?.string ?? "", name: $0["name"]?.string ?? "")
    }
    let spec = object["spec"]
    node = spec?["nodeName"]?.string ?? ""
    restartPolicy = spec?["restartPolicy"]?.string ?? "Always"
    containers = (spec?["containers"]?.array ?? []).map(Container.init)
    let status = object["status"]
    phase = status?["phase"]?.string ?? ""
    reason = status?["reason"]?.string ?? ""
    address = status?["podIP"]?.string ?? ""
    statuses = [:]
    for entry in status?["containerStatuses"]?.array ?? [] {
      guard let name = entry["name"]?.string else { continue }
      statuses[name] = ContainerStatus(entry)
    }
    isSidecarInitReady = (status?["initContainerStatuses"]?.array ?? [])
      .first { $0["name"]?.string == Self.sidecar }
      .map { ContainerStatus($0).isReady }
  }

  /// Whether a container is not known to be unready.
  func isReady(_ container: String) -> Bool { statuses[container]?.isReady ?? true }

  /// Whether the sidecar is not known to be unready.
  var isSidecarReady: Bool { statuses[Self.sidecar]?.isReady ?? isSidecarInitReady ?? true }
}

extension ObservedPod.Container {
  fileprivate init(_ document: DocumentValue) {
    name = document["name"]?.string ?? ""
    ports = (document["ports"]?.array ?? []).map { port in
      ObservedPod.Port(
        name: port["name"]?.string ?? "", number: port["containerPort"]?.port ?? 0,
        isTCP: (port["protocol"]?.string ?? "TCP") == "TCP")
    }
    probes = ObservedPod.probeFields.compactMap { field in
      guard let action = document[field]?["httpGet"], action.object != nil,
        (action["scheme"]?.string ?? "HTTP") == "HTTP", (action["host"]?.string ?? "").isEmpty,
        let port = action["port"]?.port
      else { return nil }
      return ObservedPod.HTTPProbe(port: port, path: action["path"]?.string ?? "")
    }
  }
}

extension ObservedPod.ContainerStatus {
  fileprivate init(_ document: DocumentValue) {
    isReady = document["ready"]?.bool ?? false
    let terminated = document["state"]?["terminated"]
    exitCode = terminated?.object == nil ? nil : terminated?["exitCode"]?.whole ?? 0
  }
}

extension ObservedPod {
  /// The fields of a container with probes.
  static let probeFields = ["livenessProbe", "readinessProbe", "startupProbe"]
}

extension ObjectName {
  /// The name of an object.
  package init(_ object: KubernetesObject) {
    self.init(namespace: object.namespace ?? "", name: object.name)
  }
}

extension DocumentValue {
  /// A whole number.
  var whole: Int64? { number.flatMap(Int64.init(exactly:)) }

  /// A port as a number, also when it is given as text; `nil` when it is a name.
  var port: UInt32? {
    if let number { return UInt32(exactly: number) }
    return string.flatMap { UInt32($0) }
  }
}
