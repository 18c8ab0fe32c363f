import Documents
import KubernetesTestSupport
import OrderedCollections
import TestSupport
import Testing

/// A cluster that has no mesh yet.
@Suite(.onKubernetes, .heavy, .timeLimit(.minutes(60))) struct FirstMeshTests {
  @Test(
    "The leader makes the first mesh although its own webhook refuses at first; objects that nobody checked are told")
  func firstMesh() async throws {
    let server = try await KubernetesServer.start(controllers: false)
    var failure: (any Error)?
    do { try await Self.follow(server) } catch { failure = error }
    await server.remove()
    if let failure { throw failure }
  }

  private static func follow(_ server: KubernetesServer) async throws {
    try await server.installCustomResources()
    // The webhooks are in effect before the control plane: the API server refuses until it is there and trusted.
    let cluster = try await RunningCluster.start(
      on: server, settings: ["KUMA_DEFAULTS_SKIP_MESH_CREATION": "false"])
    try await eventually("the mesh \"default\"") {
      try await server.kubectl(.newest, "get", "mesh", "default").isSuccess
    }
    try await cluster.controlPlane.line(with: "mesh created", "default")

    // Without the webhooks anything gets in.
    try await server.succeed(["delete", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "--all"])
    let policy = RunningCluster.policy("spoilt", mesh: "default")
    try await eventually("an object that nobody checks") {
      try await server.kubectl(
        .newest, "apply", "-f", "-",
        input: "{apiVersion: kuma.io/v1alpha1, kind: TrafficTrace, mesh: default, metadata: {name: spoilt}, spec: 5}"
      ).isSuccess
    }
    let accepted = try await ConditionsTests.wait(for: "Accepted", "Invalid", of: "spoilt", on: server)
    #expect(accepted["status"] == "False")
    #expect(accepted["message"]?.string?.contains("spec has to be an object") == true, "\(accepted)")
    try await cluster.controlPlane.line(with: "counts as absent", "spoilt")
    #expect(try await cluster.controlPlane.get("/traffic-traces")["total"] == 0)

    // Mended, it is what it says.
    try await server.succeed(["replace", "-f", "-"], input: policy)
    _ = try await ConditionsTests.wait(for: "Accepted", "Accepted", of: "spoilt", on: server)
    _ = try await ConditionsTests.wait(for: "Programmed", "BackendNotFound", of: "spoilt", on: server)

    // A mesh that is deleted stays so: only a cluster without any mesh gets one, once.
    try await server.apply(RunningCluster.mesh("other"))
    try await server.succeed(["delete", "mesh", "default"])
    await cluster.controlPlane.stop()
    try await cluster.controlPlane.start()
    // What the new leader writes shows that it leads.
    try await server.apply(RunningCluster.policy("late", mesh: "other"))
    _ = try await ConditionsTests.wait(for: "Programmed", "NoDataplanes", of: "late", on: server)
    #expect(try await !server.kubectl(.newest, "get", "mesh", "default").isSuccess)
    await cluster.controlPlane.stop()
  }
}
