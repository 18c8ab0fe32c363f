import KubernetesTestSupport
import ProxySimulation
import TestSupport
import Testing

/// Two control planes over one API server.
@Suite(.onKubernetes, .heavy, .timeLimit(.minutes(60))) struct ReplicasTests {
  private static let settings = [
    "KUMA_RUNTIME_KUBERNETES_LEADER_ELECTION_LEASE_DURATION": "15s",
    "KUMA_RUNTIME_KUBERNETES_LEADER_ELECTION_RENEW_DEADLINE": "10s",
  ]

  @Test("Both serve proxies; when the leader is killed, the other one writes")
  func leaderIsKilled() async throws {
    let server = try await KubernetesServer.start(controllers: false)
    var failure: (any Error)?
    do { try await Self.killLeader(on: server) } catch { failure = error }
    await server.remove()
    if let failure { throw failure }
  }

  private static func killLeader(on server: KubernetesServer) async throws {
    try await server.installCustomResources()
    let namespace = try await server.makeNamespace("system")
    let leader = try ControlPlaneOnKubernetes(
      kubeconfig: server.kubeconfig, systemNamespace: namespace, settings: settings)
    try await leader.start()
    let first = try await holder(of: namespace, on: server, otherThan: "")
    let other = try ControlPlaneOnKubernetes(
      kubeconfig: server.kubeconfig, systemNamespace: namespace, settings: settings)
    try await other.start()

    for index in 0..<2 {
      try await server.apply(
        RunningCluster.dataplane("web-\(index)", namespace: namespace, mesh: "two", service: "web"))
    }
    try await server.apply(RunningCluster.mesh("two"))
    try await server.apply(RunningCluster.policy("traced", mesh: "two"))
    try await withProxies(["web-0.\(namespace)"], mesh: "two", at: leader) { atLeader in
      try await withProxies(["web-1.\(namespace)"], mesh: "two", at: other) { atOther in
        try await atLeader.waitForAll(toHold: "tracing:spans")
        try await atOther.waitForAll(toHold: "tracing:spans")
        #expect(try await holder(of: namespace, on: server, otherThan: "") == first)
        try await waitForCondition("Accepted", of: "traced", on: server)

        await leader.kill()
        // Nobody needs a leader for this.
        try await server.apply(RunningCluster.mesh("two", sampling: "12.5"))
        try await atOther.waitForAll(toSample: 12.5)
        let second = try await holder(of: namespace, on: server, otherThan: first)
        try await server.apply(RunningCluster.policy("late", mesh: "two"))
        try await waitForCondition("Accepted", of: "late", on: server)

        // The one that comes back does not take the lease away.
        try await leader.start()
        try await atLeader.waitForAll(toSample: 12.5)
        #expect(try await holder(of: namespace, on: server, otherThan: "") == second)

        // One that ends in order gives the lease back at once.
        await other.stop()
        _ = try await holder(of: namespace, on: server, otherThan: second)
      }
    }
    await leader.stop()
  }

  /// Waits until somebody holds the lease.
  private static func holder(
    of namespace: String, on server: KubernetesServer, otherThan former: String
  ) async throws -> String {
    try await eventually("a leader other than \"\(former)\"") {
      let answer = try await server.kubectl(
        .newest, "get", "lease", "cp-leader-lease", "-n", namespace, "-o", "jsonpath={.spec.holderIdentity}")
      return answer.isSuccess && answer.output != "" && answer.output != former ? answer.output : nil
    }
  }

  /// Waits until a policy has a condition.
  private static func waitForCondition(
    _ type: String, of policy: String, on server: KubernetesServer
  ) async throws {
    let path = "jsonpath={.status.conditions[?(@.type==\"\(type)\")].status}"
    try await eventually("the condition \(type) of \(policy)") {
      try await server.kubectl(.newest, "get", "traffictrace", policy, "-o", path).output == "True"
    }
  }
}
