import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel
import OrderedCollections
import Testing

/// A pod as the API server has it, built from what matters in a test.
struct PodShape {
  /// A container with its ports.
  struct Container {
    var name = "app"
    var ports: [(name: String, number: Int64, transport: String)] = [("http", 8080, "TCP")]
    /// HTTP probes by the names of their fields.
    var probes: [(field: String, action: DocumentValue)] = []
  }

  var name = "web-1"
  var namespace = "shop"
  var uid = "uid-of-web-1"
  var labels = ["app": "web"]
  var annotations = ["kuma.io/sidecar-injected": "true", "kuma.io/mesh": "default"]
  var owners: [(kind: String, name: String)] = []
  var isBeingDeleted = false
  var node = ""
  var restartPolicy = "Always"
  var containers = [Container(), Container(name: "kuma-sidecar", ports: [])]
  var phase = "Running"
  var reason = ""
  var address = "10.1.2.3"
  /// Whether containers are ready, or with which status they have ended.
  var statuses: [(container: String, isReady: Bool, exitCode: Int64?)] = []
  var initStatuses: [(container: String, isReady: Bool, exitCode: Int64?)] = []

  /// A pod with something else than usual.
  static func with(_ change: (inout PodShape) -> Void) -> PodShape {
    var shape = PodShape()
    change(&shape)
    return shape
  }

  var object: KubernetesObject {
    var metadata: DocumentValue.Object = [
      "name": .string(name), "namespace": .string(namespace), "uid": .string(uid), "resourceVersion": "1",
      "labels": .texts(labels), "annotations": .texts(annotations),
      "ownerReferences": .array(
        owners.map {
          ["apiVersion": "apps/v1", "kind": .string($0.kind), "name": .string($0.name), "uid": "u", "controller": true]
        }),
      "managedFields": [["manager": "kubelet"]],
    ]
    if isBeingDeleted { metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z" }
    var spec: DocumentValue.Object = [
      "containers": .array(containers.map(\.document)), "restartPolicy": .string(restartPolicy),
      "serviceAccountName": "web", "volumes": [["name": "tmp", "emptyDir": [:]]],
    ]
    if !node.isEmpty { spec["nodeName"] = .string(node) }
    var status: DocumentValue.Object = [
      "phase": .string(phase), "containerStatuses": Self.list(statuses),
      "initContainerStatuses": Self.list(initStatuses), "qosClass": "Burstable",
    ]
    if !reason.isEmpty { status["reason"] = .string(reason) }
    if !address.isEmpty {
      status["podIP"] = .string(address)
      status["podIPs"] = [["ip": .string(address)]]
    }
    return KubernetesObject([
      "apiVersion": "v1", "kind": "Pod", "metadata": .object(metadata), "spec": .object(spec),
      "status": .object(status),
    ])
  }

  var observed: ObservedPod { ObservedPod(object) }

  private static func list(_ statuses: [(container: String, isReady: Bool, exitCode: Int64?)]) -> DocumentValue {
    .array(
      statuses.map { status in
        var state: DocumentValue = ["running": ["startedAt": "2026-01-01T00:00:00Z"]]
        if let code = status.exitCode { state = ["terminated": ["exitCode": .integer(code), "reason": "Completed"]] }
        return [
          "name": .string(status.container), "ready": .bool(status.isReady), "state": state, "restartCount": 0,
          "image": "app:1",
        ]
      })
  }
}

extension PodShape.Container {
  var document: DocumentValue {
    var container: DocumentValue.Object = [
      "name": .string(name), "image": "app:1",
      "ports": .array(
        ports.map { port in
          var declared: DocumentValue.Object = ["containerPort": .integer(port.number)]
          if !port.name.isEmpty { declared["name"] = .string(port.name) }
          if !port.transport.isEmpty { declared["protocol"] = .string(port.transport) }
          return .object(declared)
        }),
    ]
    for (field, action) in probes { container[field] = ["httpGet": action, "periodSeconds": 5] }
    return .object(container)
  }
}

/// A Service as the API server has it, built from what matters in a test.
struct ServiceShape {
  /// A port of the Service.
  struct Port {
    var number: Int64 = 80
    var name = ""
    var transport = "TCP"
    var target: DocumentValue = "http"
    var appProtocol: String?
  }

  var name = "web"
  var namespace = "shop"
  var annotations: [String: String] = [:]
  var selector = ["app": "web"]
  var type = "ClusterIP"
  var clusterIPs = ["10.96.0.1"]
  var ports = [Port(appProtocol: "http")]

  /// A Service with something else than usual.
  static func with(_ change: (inout ServiceShape) -> Void) -> ServiceShape {
    var shape = ServiceShape()
    change(&shape)
    return shape
  }

  var object: KubernetesObject {
    var spec: DocumentValue.Object = [
      "type": .string(type), "selector": .texts(selector), "sessionAffinity": "None",
      "ports": .array(
        ports.map { port in
          var entry: DocumentValue.Object = ["port": .integer(port.number), "targetPort": port.target]
          if !port.name.isEmpty { entry["name"] = .string(port.name) }
          if !port.transport.isEmpty { entry["protocol"] = .string(port.transport) }
          if let name = port.appProtocol { entry["appProtocol"] = .string(name) }
          return .object(entry)
        }),
    ]
    if let first = clusterIPs.first {
      spec["clusterIP"] = .string(first)
      spec["clusterIPs"] = .array(clusterIPs.map(DocumentValue.string))
    }
    return KubernetesObject([
      "apiVersion": "v1", "kind": "Service",
      "metadata": [
        "name": .string(name), "namespace": .string(namespace), "uid": .string("uid-of-\(name)"),
        "resourceVersion": "1",
        "annotations": .texts(annotations), "labels": ["team": "a"],
      ],
      "spec": .object(spec), "status": ["loadBalancer": [:]],
    ])
  }

  var observed: ObservedService { ObservedService(object) }
}

/// A namespace or node as the API server has it.
func scope(
  _ kind: String, _ name: String, labels: [String: String] = [:], annotations: [String: String] = [:],
  phase: String = "Active"
) -> KubernetesObject {
  KubernetesObject([
    "apiVersion": "v1", "kind": .string(kind),
    "metadata": ["name": .string(name), "labels": .texts(labels), "annotations": .texts(annotations)],
    "status": ["phase": .string(phase)],
  ])
}

extension DocumentValue {
  static func texts(_ map: [String: String]) -> DocumentValue {
    var object: DocumentValue.Object = [:]
    for (key, value) in map.sorted(by: { $0.key < $1.key }) { object[key] = .string(value) }
    return .object(object)
  }
}

extension PodConverter {
  /// Converts a pod in the namespace `shop`.
  func convert(
    _ pod: PodShape, _ services: [ServiceShape] = [ServiceShape()],
    namespace: KubernetesObject = scope("Namespace", "shop"), nodeLabels: [String: String] = [:],
    workload: @escaping @Sendable (OwnerQuery) -> Workload? = { _ in nil }
  ) -> Outcome {
    convert(
      pod.observed,
      Surroundings(
        namespace: ObservedNamespace(namespace), services: services.map(\.observed), nodeLabels: nodeLabels,
        workload: workload))
  }

  /// The Dataplane of a pod that has one.
  func dataplane(
    _ pod: PodShape, _ services: [ServiceShape] = [ServiceShape()], nodeLabels: [String: String] = [:],
    workload: @escaping @Sendable (OwnerQuery) -> Workload? = { _ in nil }
  ) -> Dataplane? {
    let outcome = convert(pod, services, nodeLabels: nodeLabels, workload: workload)
    guard case .dataplane(let dataplane, _) = outcome else { return nil }
    return dataplane
  }

  /// The inbounds of a pod that has a Dataplane.
  func inbounds(
    _ pod: PodShape, _ services: [ServiceShape] = [ServiceShape()], nodeLabels: [String: String] = [:]
  ) -> [Dataplane.Inbound] {
    dataplane(pod, services, nodeLabels: nodeLabels)?.networking?.inbound ?? []
  }
}

/// A row of a table: something about a pod or a Service, and what comes of it.
struct Row<Shape, Expected: Sendable>: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let expected: Expected
  let change: @Sendable (inout Shape) -> Void

  init(_ name: String, _ expected: Expected, _ change: @escaping @Sendable (inout Shape) -> Void = { _ in }) {
    testDescription = name
    self.expected = expected
    self.change = change
  }

  /// A shape with what the row is about.
  func changing(_ shape: Shape) -> Shape {
    var shape = shape
    change(&shape)
    return shape
  }
}
