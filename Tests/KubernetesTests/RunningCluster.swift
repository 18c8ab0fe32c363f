import Documents
import Foundation
import KubernetesTestSupport
import OrderedCollections
import Synchronization
import TestSupport

/// An API server with our custom resources, a control plane over it, and the control plane's webhooks in effect: what an
/// operator has after the installation. Tests share one.
///
/// The webhooks see what every test writes, so each test uses meshes and namespaces of its own. The Mesh `default` belongs to
/// ``SamplesTests``.
final class RunningCluster: Sendable {
  let server: KubernetesServer
  let controlPlane: ControlPlaneOnKubernetes

  private init(server: KubernetesServer, controlPlane: ControlPlaneOnKubernetes) {
    self.server = server
    self.controlPlane = controlPlane
  }

  /// The one of this process. The control plane ends with the process.
  static func shared() async throws -> RunningCluster { try await task.value }

  private static let task = Task {
    let server = try await KubernetesServer.shared(.admission)
    try await server.installCustomResources()
    let cluster = try await start(on: server)
    running.withLock { $0 = cluster }
    // Later than the server's own end, so that it runs before that.
    atexit { RunningCluster.running.withLock { $0 }?.controlPlane.endAtExit() }
    return cluster
  }
  private static let running = Mutex<RunningCluster?>(nil)

  /// Starts a control plane on a server that has the custom resources, and puts its webhooks into effect.
  static func start(on server: KubernetesServer, settings: [String: String] = [:]) async throws -> RunningCluster {
    let namespace = try await server.makeNamespace("system", labels: "kuma.io/system-namespace=true")
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: server.kubeconfig, systemNamespace: namespace, settings: settings)
    let cluster = RunningCluster(server: server, controlPlane: controlPlane)
    try await server.apply(try await webhooks(of: controlPlane))
    try await controlPlane.start()
    try await waitForWebhooks(of: controlPlane, on: server)
    return cluster
  }

  /// The webhook configurations that `kumactl install control-plane` prints, with the control plane's address on this machine in
  /// the place of its Service.
  static func webhooks(of controlPlane: ControlPlaneOnKubernetes) async throws -> String {
    let printed = try await KubernetesPrograms.run(
      try TestPrograms.path("kumactl"), ["install", "control-plane", "--namespace", controlPlane.systemNamespace])
    guard printed.isSuccess else { throw ControlPlaneOnKubernetes.Failure(description: printed.errors) }
    let documents = try DocumentValue.yamlDocuments(printed.output).compactMap { document -> String? in
      guard var object = document.object, object["kind"]?.string?.hasSuffix("WebhookConfiguration") == true else {
        return nil
      }
      object["webhooks"] = .array(
        (object["webhooks"]?.array ?? []).map { webhook in
          guard var webhook = webhook.object else { return webhook }
          let path = webhook["clientConfig"]?["service"]?["path"]?.string ?? "/"
          webhook["clientConfig"] = ["url": .string("https://127.0.0.1:\(controlPlane.ports.admission)\(path)")]
          // The most that is allowed: other tests keep the processors busy.
          webhook["timeoutSeconds"] = 30
          return .object(webhook)
        })
      return DocumentValue.object(object).json()
    }
    guard documents.count == 2 else {
      throw ControlPlaneOnKubernetes.Failure(description: "kumactl printed \(documents.count) webhook configurations")
    }
    return documents.joined(separator: "\n---\n")
  }

  /// Waits until a policy of a mesh that does not exist is refused, which only the webhooks do.
  static func waitForWebhooks(of controlPlane: ControlPlaneOnKubernetes, on server: KubernetesServer) async throws {
    let policy = """
      {"apiVersion": "kuma.io/v1alpha1", "kind": "TrafficTrace", "mesh": "nowhere", "metadata": {"name": "question"},
       "spec": {"selectors": [{"match": {"kuma.io/service": "*"}}]}}
      """
    let last = Mutex("")
    do {
      try await eventually("the webhooks") {
        let answer = try await server.kubectl(.newest, "apply", "--dry-run=server", "-f", "-", input: policy)
        last.withLock { $0 = answer.output + answer.errors }
        return answer.errors.contains("\"nowhere\" not found")
      }
    } catch is NotInTime {
      throw ControlPlaneOnKubernetes.Failure(
        description: "the webhooks are not in effect: \(last.withLock { $0 })\n\(controlPlane.tail)")
    }
  }

  // MARK: What tests write

  /// A name of a test's own.
  static func name(_ prefix: String) -> String { "\(prefix)-\(UUID().uuidString.prefix(8).lowercased())" }

  /// A Mesh with one tracing backend, `spans`.
  static func mesh(_ name: String, sampling: String = "100.0", url: String = "http://127.0.0.1:9/spans") -> String {
    """
    apiVersion: kuma.io/v1alpha1
    kind: Mesh
    metadata:
      name: \(name)
    spec:
      tracing:
        defaultBackend: spans
        backends:
        - name: spans
          type: zipkin
          sampling: \(sampling)
          conf:
            url: \(url)
    """
  }

  /// A policy for every proxy of a mesh.
  static func policy(_ name: String, mesh: String, backend: String = "spans") -> String {
    """
    apiVersion: kuma.io/v1alpha1
    kind: TrafficTrace
    mesh: \(mesh)
    metadata:
      name: \(name)
    spec:
      selectors:
      - match:
          kuma.io/service: '*'
      conf:
        backend: \(backend)
    """
  }

  /// A Dataplane with one inbound.
  static func dataplane(
    _ name: String, namespace: String, mesh: String, service: String, inbound: Int = 10_001, more: String = ""
  ) -> String {
    """
    apiVersion: kuma.io/v1alpha1
    kind: Dataplane
    mesh: \(mesh)
    metadata:
      name: \(name)
      namespace: \(namespace)
    spec:
      networking:
        address: 127.0.0.1
        inbound:
        - port: \(inbound)
          servicePort: 8080
          tags:
            kuma.io/service: \(service)
            kuma.io/protocol: http\(more)
    """
  }
}
