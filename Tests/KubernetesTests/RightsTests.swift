import Documents
import Foundation
import KubernetesTestSupport
import OrderedCollections
import ProxySimulation
import TestSupport
import Testing

/// The rights of the manifest on a real API server: a control plane with nothing else does all of its work, and uses every right.
///
/// The API server's audit log says which request needed which right.
@Suite(.onKubernetes, .heavy, .serialized, .timeLimit(.minutes(60))) struct RightsTests {
  private static let namespace = "kuma-system"
  private static let user = "system:serviceaccount:\(namespace):kuma-control-plane"

  /// A verb and what it is done to, such as `patch meshes.kuma.io/status`.
  private typealias Right = String

  @Test("The control plane needs no other rights than those of the manifest, and each of them")
  func rights() async throws {
    let folder = try TemporaryFolder()
    let policy = """
      {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
       "rules": [{"level": "Metadata", "users": ["\(Self.user)"]}, {"level": "None"}]}
      """
    try policy.write(toFile: folder.file("policy.json"), atomically: true, encoding: .utf8)
    let server = try await KubernetesServer.start(
      controllers: false,
      flags: ["--audit-policy-file", folder.file("policy.json"), "--audit-log-path", folder.file("audit.log")])
    do {
      try await check(on: server, in: folder)
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  private func check(on server: KubernetesServer, in folder: TemporaryFolder) async throws {
    let printed = try await KubernetesPrograms.run(
      try TestPrograms.path("kumactl"), ["install", "control-plane", "--kube-version", "1.20.2"])
    let manifest = try DocumentValue.yamlDocuments(printed.output)
    try await server.apply(printed.output)
    let token = try await server.succeed(["create", "token", "kuma-control-plane", "--namespace", Self.namespace])
    let kubeconfig = folder.file("kubeconfig")
    try """
    apiVersion: v1
    kind: Config
    clusters: [{name: test, cluster: {server: "\(server.address)", certificate-authority: "\(server.authority)"}}]
    users: [{name: account, user: {token: "\(token)"}}]
    contexts: [{name: account, context: {cluster: test, user: account}}]
    current-context: account
    """.write(toFile: kubeconfig, atomically: true, encoding: .utf8)
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: kubeconfig, systemNamespace: Self.namespace, settings: try Self.settings(of: manifest))
    try await server.apply(try await RunningCluster.webhooks(of: controlPlane))
    try await controlPlane.start()
    do {
      try await work(controlPlane, on: server)
    } catch {
      Issue.record("\(error)\n\(controlPlane.tail)")
    }
    await controlPlane.stop()
    #expect(!controlPlane.log.contains { $0.contains("names no setting") }, "\(controlPlane.tail)")

    let (used, refused) = try Self.requests(in: folder.file("audit.log"))
    #expect(refused.isEmpty)
    let given = Self.rights(in: manifest)
    #expect(given.count > 20)
    #expect(given.subtracting(used).sorted() == Self.seldom)
    #expect(used.subtracting(given).filter { !$0.contains("selfsubject") } == [])
  }

  /// What is needed only when two write at the same moment, or a control plane has died long ago.
  private static let seldom = ["get dataplaneinsights.kuma.io", "get dataplanes.kuma.io"]

  /// Lets the control plane do everything that it does.
  private func work(_ controlPlane: ControlPlaneOnKubernetes, on server: KubernetesServer) async throws {
    // The first mesh, and the status of both kinds.
    try await eventually("the mesh") { try await server.kubectl(.newest, "get", "mesh", "default").isSuccess }
    try await eventually("a policy") {
      try await server.kubectl(
        .newest, "apply", "-f", "-", input: RunningCluster.policy("all", mesh: "default", backend: "missing")
      ).isSuccess
    }
    for object in ["mesh/default", "traffictrace/all"] {
      try await eventually("the status of \(object)") {
        try await server.succeed(["get", object, "--output=jsonpath={.status.conditions[*].type}"])
          .contains("Accepted")
      }
    }
    // A proxy that brings its Dataplane along and goes again.
    let dataplane = """
      {"type": "Dataplane", "mesh": "default", "name": "web.\(Self.namespace)", "networking": {"address": "127.0.0.1",
       "inbound": [{"port": 10001, "servicePort": 8080, "tags": {"kuma.io/service": "web"}}]}}
      """
    var settings = ProxyFleet.Settings(port: controlPlane.ports.dataplane)
    settings.isSecure = true
    settings.dataplane = { _ in dataplane }
    for round in 1...2 {
      let brought = round == 1 ? dataplane : dataplane.replacing("8080", with: "8081")
      settings.dataplane = { _ in brought }
      let fleet = ProxyFleet(nodeIDs: ["default.web.\(Self.namespace)"], settings: settings)
      let running = Task { await fleet.run() }
      defer { running.cancel() }
      try await eventually("the Dataplane and its insight") {
        let port = try await server.kubectl(
          .newest, "get", "dataplane", "web", "--namespace", Self.namespace,
          "--output=jsonpath={.spec.networking.inbound[0].servicePort}")
        let insight = try await server.kubectl(
          .newest, "get", "dataplaneinsight", "web", "--namespace", Self.namespace)
        return port.output == (round == 1 ? "8080" : "8081") && insight.isSuccess
      }
    }
    try await eventually("no Dataplane") {
      try await server.succeed(["get", "dataplane,dataplaneinsight", "--all-namespaces", "--output=name"]).isEmpty
    }
    // A certificate that is of no use is made again.
    let secret = ["--namespace", Self.namespace, "secret", "kuma-control-plane-admission"]
    let before = try await server.succeed(["get"] + secret + ["--output=jsonpath={.data.tls\\.crt}"])
    try await server.succeed(["patch"] + secret + ["--type=merge", "--patch", #"{"data": {"tls.crt": "QUJD"}}"#])
    try await eventually("a new certificate") {
      try await !["QUJD", before].contains(server.succeed(["get"] + secret + ["--output=jsonpath={.data.tls\\.crt}"]))
    }
    // Custom resources without a status: the same sentences as events.
    try await server.installCustomResourcesOfKuma()
    // A sentence that comes again is counted.
    for backend in ["missing", "absent", "missing"] {
      try await server.apply(RunningCluster.policy("other", mesh: "default", backend: backend))
      try await eventually(deadline: .seconds(90), "an event about the backend \(backend)") {
        try await server.succeed(["get", "events", "--output=jsonpath={.items[*].message}"]).contains("\"\(backend)\"")
      }
    }
    try await eventually(deadline: .seconds(90), "an event that is counted") {
      try await server.succeed(["get", "events", "--output=jsonpath={.items[*].count}"]).contains("2")
    }
  }

  /// The variables of the Deployment, but for the addresses and ports of this machine.
  private static func settings(of manifest: [DocumentValue]) throws -> [String: String] {
    let deployment = try #require(manifest.first { $0["kind"] == "Deployment" })
    let container = deployment["spec"]?["template"]?["spec"]?["containers"]?.array?.first
    var settings: [String: String] = [:]
    for variable in container?["env"]?.array ?? [] {
      settings[variable["name"]?.string ?? ""] = variable["value"]?.string
    }
    #expect(settings["KUMA_STORE_KUBERNETES_SYSTEM_NAMESPACE"] == namespace)
    settings = settings.filter { !$0.key.hasSuffix("_INTERFACE") && !$0.key.contains("ADMISSION_SERVER") }
    settings["KUMA_XDS_SERVER_DATAPLANE_DEREGISTRATION_DELAY"] = "1s"
    return settings
  }

  /// The rights in all roles of a manifest.
  private static func rights(in manifest: [DocumentValue]) -> Set<Right> {
    var rights: Set<Right> = []
    for role in manifest where role["kind"] == "ClusterRole" || role["kind"] == "Role" {
      for rule in role["rules"]?.array ?? [] {
        func texts(_ key: String) -> [String] { rule[key]?.array?.compactMap(\.string) ?? [] }
        for group in texts("apiGroups") {
          for resource in texts("resources") {
            for verb in texts("verbs") { rights.insert(right(verb, group: group, resource: resource)) }
          }
        }
      }
    }
    return rights
  }

  private static func right(_ verb: String, group: String, resource: String) -> Right {
    guard !group.isEmpty else { return "\(verb) \(resource)" }
    let parts = resource.split(separator: "/", maxSplits: 1)
    return "\(verb) \(parts[0]).\(group)" + (parts.count > 1 ? "/\(parts[1])" : "")
  }

  /// The rights that were used, and the requests for which there was none.
  private static func requests(in log: String) throws -> (used: Set<Right>, refused: Set<Right>) {
    var (used, refused): (Set<Right>, Set<Right>) = ([], [])
    for line in try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n") {
      let event = try DocumentValue(json: line.utf8)
      guard event["user"]?["username"]?.string == user, let verb = event["verb"]?.string,
        let object = event["objectRef"], let resource = object["resource"]?.string
      else { continue }
      let whole = resource + (object["subresource"]?.string.map { "/\($0)" } ?? "")
      let right = right(verb, group: object["apiGroup"]?.string ?? "", resource: whole)
      if event["annotations"]?["authorization.k8s.io/decision"] == "forbid" {
        refused.insert(right)
      } else {
        used.insert(right)
      }
    }
    return (used, refused)
  }
}
