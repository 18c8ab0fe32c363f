import Documents
import Foundation
import KubernetesAPI
import KubernetesTestSupport
import Logging
import PodNetwork
import Synchronization
import TestSupport

/// A namespace of the API server whose pods run on this machine, in network namespaces.
final class PodRig: Sendable {
  /// What was waited for, or tried, with what the pods say.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let server: KubernetesServer
  let network: PodNetwork
  let node: PodNode
  let namespace: String
  private let relays = Mutex<[CuttableRelay]>([])
  private let run: Task<Void, Never>

  /// Runs a test with a rig, which is removed after it with everything in its namespace.
  ///
  /// - Parameters:
  ///   - namespace: its name; it is made, unless it is there.
  ///   - images: what stands in the place of images, besides `shell`, whose command is `/bin/sh`, and `python`.
  ///   - settings: changes the settings of the node; the network tells where pods reach this machine.
  static func run(
    on server: KubernetesServer, namespace: String = name("pods"), images: [String: ContainerImage] = [:],
    settings: @Sendable (inout PodNode.Settings, PodNetwork) -> Void = { _, _ in },
    _ body: (PodRig) async throws -> Void
  ) async throws {
    let document = KubernetesObject(.namespace, name: namespace)
    try await server.apply(DocumentValue.object(document.document).json())
    // Before that, pods are refused.
    try await eventually("the token of the service account") {
      let account = try await server.kubectl(
        .newest, "get", "serviceaccount", "default", "-n", namespace, "-o", "jsonpath={.secrets[0].name}")
      return account.isSuccess && !account.output.isEmpty
    }
    let network = try await PodNetwork.start()
    var nodeSettings = PodNode.Settings(
      name: namespace, namespaces: [namespace],
      images: [
        "shell": ContainerImage(entrypoint: ["/bin/sh"]), "python": ContainerImage(entrypoint: ["python3"]),
      ].merging(images) { $1 })
    settings(&nodeSettings, network)
    let client = KubernetesClient(
      access: try .kubeconfig(path: server.kubeconfig), userAgent: "kubelet/1.20", logger: Logger(label: "node"))
    let rig = PodRig(
      server: server, network: network, namespace: namespace,
      node: PodNode(network: network, client: client, settings: nodeSettings, logger: Logger(label: "node")))
    var failure: (any Error)?
    do { try await body(rig) } catch { failure = error }
    await rig.stop()
    if let failure { throw failure }
  }

  private init(server: KubernetesServer, network: PodNetwork, namespace: String, node: PodNode) {
    self.server = server
    self.network = network
    self.namespace = namespace
    self.node = node
    run = Task { await node.run() }
  }

  private func stop() async {
    run.cancel()
    await run.value
    for relay in relays.withLock({ $0 }) { await relay.stop() }
    await network.stop()
    _ = try? await server.kubectl(.newest, "delete", "namespace", namespace, "--wait=false")
  }

  /// A name of a test's own.
  static func name(_ prefix: String) -> String { "\(prefix)-\(UUID().uuidString.prefix(8).lowercased())" }

  /// Lets pods reach a server that listens at 127.0.0.1, at the same port of ``PodNetwork/hostAddress``.
  ///
  /// - Parameter asStranger: whether the server sees connections come from the network, and not from loopback.
  func expose(_ port: Int, asStranger: Bool = false) async throws {
    let relay = try await CuttableRelay.start(
      before: port, at: network.hostAddress, port: port, from: asStranger ? network.hostAddress : nil)
    relays.withLock { $0.append(relay) }
  }

  // MARK: kubectl

  /// Runs kubectl in the namespace; it has to succeed.
  @discardableResult
  func kubectl(_ arguments: String..., input: String? = nil) async throws -> String {
    try await server.succeed(["--namespace", namespace] + arguments, input: input)
  }

  /// Applies documents in the namespace.
  @discardableResult
  func apply(_ documents: String) async throws -> String { try await kubectl("apply", "-f", "-", input: documents) }

  /// A field of an object of the namespace, as kubectl prints it.
  func field(_ object: String, _ path: String) async throws -> String {
    try await kubectl("get", object, "-o", "jsonpath={\(path)}")
  }

  /// Waits until pods (`pod/web`) are ready, and Deployments (`deployment/web`) complete.
  func waitUntilReady(_ objects: String...) async throws {
    for object in objects {
      try await eventually(deadline: .seconds(180), "\(object)") {
        let words =
          object.hasPrefix("pod/")
          ? ["wait", "--for=condition=Ready", "--timeout=5s", object] : ["rollout", "status", "--timeout=5s", object]
        return try await server.kubectl(.newest, ["--namespace", namespace] + words).isSuccess
      }
    }
  }

  /// The pods of the namespace with what they have written, for messages.
  func state() async -> String {
    let answer = try? await server.kubectl(
      .newest, "--namespace", namespace, "get", "pods", "-o",
      "jsonpath={range .items[*]}{.metadata.name}: {.status.phase} {.status.containerStatuses}{.status.initContainerStatuses}\n{end}"
    )
    var text = answer?.output ?? ""
    for line in text.split(separator: "\n") {
      let pod = String(line.prefix { $0 != ":" })
      for container in await node.containers(of: pod, in: namespace) {
        let log = await node.log(of: pod, in: namespace, container: container).suffix(15)
        if !log.isEmpty { text += "\n\(pod) \(container):\n" + log.joined(separator: "\n") }
      }
    }
    return text
  }

  /// Runs a command in a container, which has to succeed.
  @discardableResult
  func execute(_ command: String..., in pod: String, container: String) async throws -> String {
    let result = try await node.execute(command, in: pod, namespace, container: container)
    guard result.status == 0 else {
      throw PodRig.Failure(description: "\(command) in \(pod): \(result.status) \(result.errors)")
    }
    return result.output
  }

  /// Where a container of a pod on this machine has an answer to a GET with a status below 400.
  func isAnswered(_ url: String, by pod: String, container: String) async throws -> Bool {
    try await node.execute(
      ["curl", "-sf", "-m", "5", "-o", "/dev/null", url], in: pod, namespace, container: container
    ).status == 0
  }
}
