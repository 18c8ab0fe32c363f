import Documents
import KubernetesTestSupport
import TestSupport
import Testing

/// The custom resources as `kumactl install crds` prints them, as kubectl shows them.
@Suite(.onKubernetes, .heavy, .serialized, .timeLimit(.minutes(60))) struct CustomResourceTests {
  @Test("kumactl prints what the tests install, and a second apply changes nothing", arguments: KubectlAge.allCases)
  func install(age: KubectlAge) async throws {
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    let printed = try await KubernetesPrograms.run(try TestPrograms.path("kumactl"), ["install", "crds"])
    #expect(printed.isSuccess, "\(printed.errors)")
    let result = try await server.kubectl(age, "apply", "-f", "-", input: printed.output)
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == 4 && lines.allSatisfy { $0.hasSuffix(" unchanged") }, "\(result.output)\(result.errors)")
  }

  @Test(
    "kubectl explains what to write",
    arguments: [
      ("traffictrace", ["mesh", "The name of the mesh", "selectors[].match", "conf.backend"]),
      ("traffictrace.spec", ["selectors[].match", "'*' stands for any value", "conf.backend"]),
      ("traffictrace.status.conditions", ["Accepted", "Programmed", "Conflicted", "message", "lastTransitionTime"]),
      ("mesh.spec", ["tracing.backends[]", "sampling", "apiVersion", "tracing.defaultBackend"]),
      ("dataplane.spec", ["networking.inbound[]", "kuma.io/protocol", "networking.outbound[]"]),
      ("dataplaneinsight.status", ["subscriptions[]", "responsesAcknowledged"]),
    ], KubectlAge.allCases)
  func explain(field: (name: String, words: [String]), age: KubectlAge) async throws {
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    let result = try await server.kubectl(age, "explain", field.name)
    #expect(result.isSuccess, "\(result.errors)")
    let text = result.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    for word in field.words { #expect(text.contains(word), "\(result.output)") }
  }

  @Test("kubectl lists resources with their mesh, service, backend and age", arguments: KubectlAge.allCases)
  func columns(age: KubectlAge) async throws {
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    let name = RunningCluster.name("columns")
    let namespace = try await server.makeNamespace("columns")
    try await server.apply(RunningCluster.mesh(name))
    try await server.apply(RunningCluster.policy(name, mesh: name))
    try await server.apply(RunningCluster.dataplane("web", namespace: namespace, mesh: name, service: "shop"))
    func table(_ arguments: String...) async throws -> [[Substring]] {
      let result = try await server.kubectl(age, ["get"] + arguments)
      return result.output.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
    }
    let policies = try await table("traffictrace", name)
    #expect(policies.first == ["NAME", "MESH", "BACKEND", "ACCEPTED", "PROGRAMMED", "AGE"])
    #expect(policies.last?.prefix(3) == [name[...], name[...], "spans"])
    let meshes = try await table("mesh", name)
    #expect(meshes.first == ["NAME", "DEFAULT", "BACKEND", "ACCEPTED", "PROGRAMMED", "AGE"])
    #expect(meshes.last?.prefix(2) == [name[...], "spans"])
    let dataplanes = try await table("dataplane", "web", "--namespace", namespace)
    #expect(dataplanes.first == ["NAME", "KUMA.IO/SERVICE", "KUMA.IO/SERVICE", "MESH", "AGE"])
    #expect(dataplanes.last?.prefix(3) == ["web", "shop", name[...]])
  }
}
