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
@Suite(.onKubernetes, .cluster, .serialized, .timeLimit(.minutes(60))) struct RightsTests {
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
      flags: [
        "--audit-policy-file", folder.file("policy.json"), "--audit-log-path", folder.file("audit.log"),
        // Owners of objects are protected, as in OpenShift.
        "--enable-admission-plugins", "OwnerReferencesPermissionEnforcement",
      ])
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
    let settings = try Self.settings(of: manifest)
    // The first one serves proxies without tokens, the second one those of pods.
    for authentication in ["none", "serviceAccountToken"] {
      let controlPlane = try ControlPlaneOnKubernetes(
        kubeconfig: kubeconfig, systemNamespace: Self.namespace,
        settings: settings.merging(["KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": authentication]) { $1 })
      try await server.apply(try await RunningCluster.webhooks(of: controlPlane))
      try await controlPlane.start()
      do {
        if authentication == "none" {
          try await work(controlPlane, on: server)
        } else {
          try await RunningCluster.waitForWebhooks(of: controlPlane, on: server)
          try await workWithPods(controlPlane, on: server)
        }
      } catch {
        Issue.record("\(error)\n\(controlPlane.tail)")
      }
      await controlPlane.stop()
      #expect(!controlPlane.log.contains { $0.contains("names no setting") }, "\(controlPlane.tail)")
    }

    let (used, refused) = try Self.requests(in: folder.file("audit.log"))
    #expect(refused.isEmpty)
    let given = Self.rights(in: manifest)
    #expect(given.count > 30)
    #expect(given.subtracting(used).sorted() == Self.seldom)
    #expect(used.subtracting(given).filter { !$0.contains("selfsubject") } == [])
  }

  /// What is needed only when two write at the same moment, or a control plane has died long ago. Whoever makes a pod the owner of
  /// a Dataplane needs the right to change the pod's finalizers, but does not change them.
  private static let seldom = [
    "get dataplaneinsights.kuma.io", "get dataplanes.kuma.io", "update pods/finalizers",
  ]

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
    try await eventually(deadline: .seconds(240), "an event that is counted") {
      try await server.succeed(["get", "events", "--output=jsonpath={.items[*].count}"]).contains("2")
    }
  }

  /// Lets the control plane make Dataplanes of pods, and serve a proxy with the token of its pod.
  private func workWithPods(_ controlPlane: ControlPlaneOnKubernetes, on server: KubernetesServer) async throws {
    func get(_ object: String, _ path: String) async throws -> String {
      try await server.kubectl(.newest, "get", object, "--namespace", "shop", "--output=jsonpath={\(path)}").output
    }
    try await server.apply(Self.workloads)
    for pod in ["web-1", "task-1"] {
      try await server.succeed([
        "patch", "pod", pod, "--namespace", "shop", "--subresource=status", "--type=merge", "--patch",
        #"{"status": {"phase": "Running", "podIP": "10.244.7.\#(pod.utf8.count)"}}"#,
      ])
    }
    let tags = ".spec.networking.inbound[0].tags"
    // Without a Service, the workload gives the name. It is behind the owner of the pod.
    for (pod, service) in [("web-1", "web_shop_svc"), ("task-1", "nightly_shop_svc")] {
      try await eventually("the Dataplane of \(pod)") {
        try await get("dataplane/\(pod)", #"\#(tags)['kuma\.io/service']"#) == service
      }
    }
    #expect(try await get("dataplane/web-1", #"\#(tags)['topology\.kubernetes\.io/zone']"#) == "east")
    #expect(try await get("dataplane/web-1", ".metadata.ownerReferences[*].blockOwnerDeletion") == "true")
    try await server.apply(Self.service)
    try await eventually("the Dataplane for the Service") {
      try await get("dataplane/web-1", #"\#(tags)['kuma\.io/service']"#) == "web_shop_svc_80"
    }
    try await eventually("the annotation of the Service") {
      try await get("service/web", #".metadata.annotations['ingress\.kubernetes\.io/service-upstream']"#) == "true"
    }
    let token = try await server.succeed([
      "create", "token", "web", "--namespace", "shop", "--bound-object-kind=Pod", "--bound-object-name=web-1",
      "--bound-object-uid", try await get("pod/web-1", ".metadata.uid"),
    ])
    var settings = ProxyFleet.Settings(port: controlPlane.ports.dataplane)
    settings.isSecure = true
    settings.token = { _ in token }
    let fleet = ProxyFleet(nodeIDs: ["default.web-1.shop"], settings: settings)
    let running = Task { await fleet.run() }
    defer { running.cancel() }
    try await eventually("the proxy's configuration") { fleet.proxies.allSatisfy(\.isConfigured) }
    try await server.succeed(["delete", "pod", "web-1", "--namespace", "shop", "--force", "--grace-period=0"])
    try await eventually("no Dataplane of web-1") { try await get("dataplane/web-1", ".metadata.name").isEmpty }
  }

  /// What controllers, scheduler and users would make. No controllers run here.
  private static let workloads = """
    apiVersion: v1
    kind: Namespace
    metadata: {name: shop, labels: {kuma.io/sidecar-injection: enabled}}
    ---
    apiVersion: v1
    kind: ServiceAccount
    metadata: {name: web, namespace: shop}
    ---
    apiVersion: v1
    kind: Node
    metadata: {name: node-1, labels: {topology.kubernetes.io/zone: east}}
    ---
    apiVersion: apps/v1
    kind: ReplicaSet
    metadata:
      name: web-5f
      namespace: shop
      ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: "1", controller: true}]
    spec:
      replicas: 1
      selector: {matchLabels: {app: web}}
      template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}
    ---
    apiVersion: batch/v1
    kind: Job
    metadata:
      name: nightly-7
      namespace: shop
      ownerReferences: [{apiVersion: batch/v1beta1, kind: CronJob, name: nightly, uid: "2", controller: true}]
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: task, image: task}]}
    ---
    \(pod("web-1", owner: "apps/v1", "ReplicaSet", "web-5f"))
    ---
    \(pod("task-1", owner: "batch/v1", "Job", "nightly-7"))
    """

  private static func pod(_ name: String, owner version: String, _ kind: String, _ owner: String) -> String {
    """
    apiVersion: v1
    kind: Pod
    metadata:
      name: \(name)
      namespace: shop
      labels: {app: \(name.prefix { $0 != "-" })}
      ownerReferences: [{apiVersion: \(version), kind: \(kind), name: \(owner), uid: "3", controller: true}]
    spec:
      serviceAccountName: web
      automountServiceAccountToken: false
      nodeName: node-1
      containers: [{name: main, image: main, ports: [{containerPort: 8080}]}]
    """
  }

  private static let service = """
    apiVersion: v1
    kind: Service
    metadata: {name: web, namespace: shop}
    spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080, appProtocol: http}]}
    """

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
