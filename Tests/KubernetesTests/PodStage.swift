import Documents
import KubernetesAPI
import KubernetesTestSupport
import Logging
import OrderedCollections
import TestSupport

/// Pods and Services in a namespace of a test's own. The test plays the scheduler and the kubelet.
struct PodStage: Sendable {
  let client: KubernetesClient
  let namespace: String
  let mesh: String

  static let dataplanes = KubernetesKind(
    group: "kuma.io", version: "v1alpha1", kind: "Dataplane", plural: "dataplanes", isNamespaced: true)

  /// Makes the namespace.
  ///
  /// - Parameter mesh: the mesh of the pods; it is not made.
  init(on server: KubernetesServer, mesh: String, labels: String...) async throws {
    namespace = try await server.makeNamespace("stage")
    if !labels.isEmpty { try await server.succeed(["label", "namespace", namespace] + labels) }
    self.mesh = mesh
    var settings = KubernetesClient.Settings()
    settings.requestsPerSecond = 100_000
    settings.burst = 100_000
    client = KubernetesClient(
      access: try .kubeconfig(path: server.kubeconfig), userAgent: "kubelet/1.20", settings: settings,
      logger: Logger(label: "kubelet"))
    // A server without controllers makes none.
    let account = KubernetesKind(
      version: "v1", kind: "ServiceAccount", plural: "serviceaccounts", isNamespaced: true)
    do throws(KubernetesError) {
      _ = try await client.create(account, KubernetesObject(account, namespace: namespace, name: "default"))
    } catch {
      guard error.code == .alreadyExists else { throw error }
    }
  }

  // MARK: Pods

  /// A pod as the webhook leaves it.
  ///
  /// - Parameters:
  ///   - app: its label `app`, which Services select.
  ///   - annotations: added to those of the injection.
  ///   - node: the node that it is bound to from the start.
  func pod(
    _ name: String, app: String, annotations: [String: String] = [:], node: String? = nil
  ) -> KubernetesObject {
    var object = KubernetesObject(.pod, namespace: namespace, name: name)
    let injected = [
      "kuma.io/sidecar-injected": "true", "kuma.io/mesh": mesh, "kuma.io/transparent-proxying": "enabled",
      "kuma.io/transparent-proxying-inbound-port": "15006", "kuma.io/transparent-proxying-outbound-port": "15001",
      "kuma.io/transparent-proxying-ip-family-mode": "dualstack", "kuma.io/envoy-admin-port": "9901",
    ]
    object.metadata["labels"] = ["app": .string(app)]
    object.metadata["annotations"] = .object(
      DocumentValue.Object(
        injected.merging(annotations) { $1 }.map { ($0, DocumentValue.string($1)) }, uniquingKeysWith: { $1 }))
    var spec: DocumentValue.Object = [
      "automountServiceAccountToken": false,
      "containers": [
        ["name": "kuma-sidecar", "image": "kuma-dp"],
        ["name": "main", "image": "main", "ports": [["name": "web", "containerPort": 8080]]],
      ],
    ]
    if let node { spec["nodeName"] = .string(node) }
    object["spec"] = .object(spec)
    return object
  }

  /// Makes a pod and says that it runs at an address.
  @discardableResult
  func run(
    _ name: String, app: String, at address: String, annotations: [String: String] = [:], node: String? = nil
  ) async throws -> KubernetesObject {
    _ = try await client.create(.pod, pod(name, app: app, annotations: annotations, node: node))
    return try await say(name, address: address)
  }

  /// Says what a kubelet says.
  ///
  /// - Parameters:
  ///   - address: the pod's; `nil` for none.
  ///   - isReady: whether the container `main` is ready.
  @discardableResult
  func say(
    _ pod: String, phase: String = "Running", address: String?, isReady: Bool = true
  ) async throws -> KubernetesObject {
    let containers = ["kuma-sidecar", "main"].map { name -> DocumentValue in
      [
        "name": .string(name), "ready": .bool(isReady || name != "main"), "restartCount": 0, "image": "",
        "imageID": "",
      ]
    }
    let status: DocumentValue = [
      "phase": .string(phase), "podIP": address.map { .string($0) } ?? .null,
      "podIPs": address.map { [["ip": .string($0)]] } ?? .null, "containerStatuses": .array(containers),
    ]
    return try await client.patch(
      .pod, namespace: namespace, name: pod, .merge(["status": status]), subresource: "status",
      fieldManager: "kubelet")
  }

  /// Deletes a pod: at once without a node or with `isForced`; otherwise it stays until the kubelet lets it go.
  func delete(_ pod: String, isForced: Bool = false) async throws {
    try await client.delete(.pod, namespace: namespace, name: pod, gracePeriod: isForced ? 0 : 30)
  }

  // MARK: Services

  /// A port of a Service.
  struct Port {
    var number: Int64
    var target: DocumentValue
    var appProtocol: String?

    init(_ number: Int64, to target: DocumentValue, _ appProtocol: String? = "http") {
      self.number = number
      self.target = target
      self.appProtocol = appProtocol
    }

    fileprivate var document: DocumentValue {
      var document: DocumentValue.Object = [
        "name": .string("p\(number)"), "port": .integer(number), "targetPort": target, "protocol": "TCP",
      ]
      if let appProtocol { document["appProtocol"] = .string(appProtocol) }
      return .object(document)
    }
  }

  /// Makes a Service that selects pods by their label `app`, or gives it other ports.
  @discardableResult
  func serve(_ name: String, app: String, isHeadless: Bool = false, _ ports: Port...) async throws
    -> KubernetesObject
  {
    var object = KubernetesObject(.service, namespace: namespace, name: name)
    var spec: DocumentValue.Object = ["selector": ["app": .string(app)], "ports": .array(ports.map(\.document))]
    if isHeadless { spec["clusterIP"] = "None" }
    object["spec"] = .object(spec)
    return try await client.patch(
      .service, namespace: namespace, name: name, .apply(.object(object.document), force: true),
      fieldManager: "stage")
  }

  // MARK: Dataplanes

  /// The Dataplane of a pod; `nil` when there is none.
  func dataplane(_ pod: String) async throws -> KubernetesObject? {
    do throws(KubernetesError) {
      return try await client.get(Self.dataplanes, namespace: namespace, name: pod)
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  /// Waits until the inbounds of a pod's Dataplane are as they should be, in words: port, service, protocol and state.
  func expect(_ pod: String, _ inbounds: String...) async throws {
    try await eventually("the Dataplane of \(pod) with \(inbounds)") {
      try await dataplane(pod).map(inboundWords) == inbounds
    }
  }

  private func inboundWords(_ dataplane: KubernetesObject) -> [String] {
    (dataplane["spec"]?["networking"]?["inbound"]?.array ?? []).map { inbound in
      let service = inbound["tags"]?["kuma.io/service"]?.string ?? "?"
      let words = [
        inbound["port"]?.number.map { "\(Int($0))" } ?? "?", service.replacing("_\(namespace)_svc", with: ""),
        inbound["tags"]?["kuma.io/protocol"]?.string ?? "?", inbound["state"]?.string ?? "",
      ]
      return words.joined(separator: " ")
    }
  }

  /// Waits until a pod has no Dataplane.
  func expectNoDataplane(_ pod: String) async throws {
    try await eventually("no Dataplane of \(pod)") { try await dataplane(pod) == nil }
  }

  /// Waits for an event about an object, with a text in its message.
  @discardableResult
  func event(_ reason: String, about name: String, saying text: String = "") async throws -> KubernetesObject {
    try await eventually(deadline: .seconds(90), "the event \(reason) about \(name) with \"\(text)\"") {
      try await client.list(.event, namespace: namespace).objects.first {
        $0["reason"]?.string == reason && $0["involvedObject"]?["name"]?.string == name
          && ($0["message"]?.string ?? "").contains(text)
      }
    }
  }
}
