import Documents
import Foundation
import KubernetesAPI
import KubernetesTestSupport
import ProcessSupervisor
import TestSupport
import Testing

/// Dataplanes of pods while control planes come and go, and with fewer rights.
@Suite("Dataplanes of pods without a leader and without rights", .onKubernetes, .heavy, .timeLimit(.minutes(60)))
struct PodLeaderTests {
  @Test(
    "Another leader goes on where the last one was killed; without any, the cluster deletes Dataplanes with their pods")
  func leaders() async throws {
    let server = try await KubernetesServer.start()
    var failure: (any Error)?
    do { try await Self.changeLeaders(on: server) } catch { failure = error }
    await server.remove()
    if let failure { throw failure }
  }

  private static func changeLeaders(on server: KubernetesServer) async throws {
    try await server.installCustomResources()
    try await server.apply(RunningCluster.mesh("default"))
    let system = try await server.makeNamespace("system")
    let settings = [
      "KUMA_RUNTIME_KUBERNETES_LEADER_ELECTION_LEASE_DURATION": "10s",
      "KUMA_RUNTIME_KUBERNETES_LEADER_ELECTION_RENEW_DEADLINE": "8s", "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "none",
    ]
    let leader = try ControlPlaneOnKubernetes(
      kubeconfig: server.kubeconfig, systemNamespace: system, settings: settings)
    let other = try ControlPlaneOnKubernetes(
      kubeconfig: server.kubeconfig, systemNamespace: system, settings: settings)
    let stage = try await PodStage(on: server, mesh: "default")
    try await stage.serve("web", app: "web", .init(80, to: "web"))
    let pods = ["changes", "ends", "goes", "stays"]
    for (index, pod) in pods.enumerated() {
      try await stage.run(pod, app: "web", at: "10.244.1.\(index)", node: pod == "goes" ? nil : "node")
    }
    try await stage.run("caller", app: "caller", at: "10.244.2.1")
    // Pods from before the first control plane.
    try await leader.start()
    for pod in pods { try await stage.expect(pod, "8080 web_80 http ") }
    try await other.start()
    try await leader.line(with: "This instance leads now")

    try await withProxies(["caller.\(stage.namespace)"], mesh: "default", at: other) { fleet in
      try await eventually("the addresses of the pods") { fleet.addresses.count == pods.count }
      await leader.kill()
      try await stage.delete("ends")
      // Nobody leads, and the other one's proxies need no leader for this.
      try await eventually("an address less") { !fleet.addresses.contains("10.244.1.1") }
      let state = try await stage.dataplane("ends")?["spec"]?["networking"]?["inbound"]?.array?.first?["state"]
      if !other.log.contains(where: { $0.contains("This instance leads now") }) { #expect(state == nil) }
    }
    try await stage.say("changes", address: "10.244.1.0", isReady: false)
    try await stage.delete("goes")
    try await stage.run("comes", app: "web", at: "10.244.1.9")
    try await other.line(with: "This instance leads now")
    try await stage.expect("changes", "8080 web_80 http NotReady")
    try await stage.expect("comes", "8080 web_80 http ")
    try await stage.expect("ends", "8080 web_80 http NotReady")
    try await stage.expectNoDataplane("goes")
    // What was right is not written again.
    let before = try await stage.dataplane("stays")?.resourceVersion
    try await stage.say("changes", address: "10.244.1.0")
    try await stage.expect("changes", "8080 web_80 http ")
    #expect(try await stage.dataplane("stays")?.resourceVersion == before)

    await other.stop()
    try await stage.delete("comes")
    // Only the garbage collector is left, which follows the owner references.
    try await stage.expectNoDataplane("comes")
    #expect(try await stage.dataplane("stays") != nil)

    // A pod that went while there was no control plane and no garbage collector.
    server.signal("kube-controller-manager", ProcessSignal(rawValue: SIGSTOP))
    try await stage.delete("stays", isForced: true)
    try await leader.start()
    try await stage.expectNoDataplane("stays")
    #expect(try await stage.dataplane("changes") != nil)
    server.signal("kube-controller-manager", ProcessSignal(rawValue: SIGCONT))
    await leader.stop()
  }

  @Test(
    "Without the rights to read pods, the control plane works, says what to apply, and goes on when it may read them")
  func missingRights() async throws {
    let server = try await KubernetesServer.shared(.admission)
    try await server.installCustomResources()
    let system = try await server.makeNamespace("system")
    let account = "system:serviceaccount:\(system):cp"
    try await server.apply(Self.rights(account: account, namespace: system, pods: false))
    let token = try await server.succeed(["create", "token", "cp", "--namespace", system])
    let folder = try TemporaryFolder()
    try """
    apiVersion: v1
    kind: Config
    clusters: [{name: test, cluster: {server: "\(server.address)", certificate-authority: "\(server.authority)"}}]
    users: [{name: account, user: {token: "\(token)"}}]
    contexts: [{name: account, context: {cluster: test, user: account}}]
    current-context: account
    """.write(toFile: folder.file("kubeconfig"), atomically: true, encoding: .utf8)
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: folder.file("kubeconfig"), systemNamespace: system)
    try await controlPlane.start()
    try await eventually("the sentence") {
      let text = try await controlPlane.ready()?.text ?? ""
      return text.hasPrefix("OK\n") && text.contains("may not read pods, services, namespaces, nodes")
        && text.contains("so pods do not become proxies") && text.contains("kumactl install control-plane")
    }
    try await controlPlane.line(with: "pods do not become proxies as they should", "\"pods\"")
    // What needs no pods works.
    let mesh = RunningCluster.name("rights")
    try await server.apply(RunningCluster.mesh(mesh))
    let stage = try await PodStage(on: server, mesh: mesh)
    try await server.apply(RunningCluster.dataplane("own", namespace: stage.namespace, mesh: mesh, service: "own"))
    try await eventually("the Dataplane of a user") {
      try await controlPlane.get("/meshes/\(mesh)/dataplanes")["total"]?.number == 1
    }
    try await server.apply(Self.rights(account: account, namespace: system, pods: true))
    try await eventually(deadline: .seconds(90), "no sentence any more") {
      try await controlPlane.ready()?.text == "OK\n"
    }
    await controlPlane.stop()
  }

  /// An account with the rights of a manifest, with or without those on what Kubernetes itself has.
  private static func rights(account: String, namespace: String, pods: Bool) -> String {
    let reading = """

      - {apiGroups: [""], resources: [pods, services, namespaces, nodes], verbs: [get, list, watch]}
      """
    return """
      apiVersion: v1
      kind: ServiceAccount
      metadata: {name: cp, namespace: \(namespace)}
      ---
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRole
      metadata: {name: \(namespace)}
      rules:
      - {apiGroups: [kuma.io], resources: ["*"], verbs: ["*"]}
      - {apiGroups: [coordination.k8s.io], resources: [leases], verbs: ["*"]}
      - {apiGroups: [""], resources: [secrets, configmaps, events], verbs: ["*"]}
      - {apiGroups: [admissionregistration.k8s.io], resources: ["*"], verbs: [list, watch]}\(pods ? reading : "")
      ---
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRoleBinding
      metadata: {name: \(namespace)}
      roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: \(namespace)}
      subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: "\(account)"}]
      """
  }
}
