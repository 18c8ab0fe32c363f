import Foundation
import KubernetesTestSupport
import ProcessSupervisor
import TestSupport
import Testing

/// The rig itself: a wrong one would let other tests pass.
@Suite(.onKubernetes, .heavy) struct RigTests {
  @Test func usersHaveTheirRights() async throws {
    let server = try await KubernetesServer.shared()
    for user in ["admin", "certificate"] {
      let answer = try await server.kubectl(.newest, "auth", "can-i", "delete", "nodes", as: user)
      #expect(answer.output == "yes", "\(answer)")
    }
    let answer = try await server.kubectl(.oldest, "get", "configmaps", as: "nobody")
    #expect(answer.errors.contains("User \"nobody\" cannot list resource \"configmaps\""), "\(answer)")
    #expect(answer.status == 1)
  }

  @Test(arguments: KubectlAge.allCases) func mesh(_ age: KubectlAge) async throws {
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    let name = "rig-\(UUID().uuidString.prefix(8).lowercased())"
    let document = """
      {"apiVersion": "kuma.io/v1alpha1", "kind": "TrafficTrace", "mesh": "none", "metadata": {"name": "\(name)"},
       "spec": {"selectors": []}}
      """
    #expect(
      try await server.kubectl(age, "apply", "-f", "-", input: document).output
        == "traffictrace.kuma.io/\(name) created")
    #expect(try await server.kubectl(age, "get", "traffictrace", name, "-o", "jsonpath={.mesh}").output == "none")
    #expect(try await server.kubectl(age, "delete", "traffictrace", name).isSuccess)
  }

  @Test func serverKeepsItsDataWhenItIsKilledAndCompacted() async throws {
    let server = try await KubernetesServer.start(controllers: false)
    do {
      try await server.succeed(["create", "configmap", "kept", "--from-literal=a=1"])
      let old = try await server.succeed(["get", "configmap", "kept", "-o", "jsonpath={.metadata.resourceVersion}"])
      try await server.succeed(["label", "configmap", "kept", "b=2"])
      try await server.compact()
      try await server.restart()
      #expect(try await server.succeed(["get", "configmap", "kept", "-o", "jsonpath={.data.a}"]) == "1")
      let exact = "/api/v1/configmaps?limit=1&resourceVersionMatch=Exact&resourceVersion=\(old)"
      let answer = try await server.kubectl(.newest, "get", "--raw", exact)
      #expect(answer.errors.contains("too old"), "\(answer)")

      let relay = try await CuttableRelay.start(before: server.port)
      let kubeconfig = try server.kubeconfig(port: relay.port)
      #expect(try await server.kubectl(.newest, "--kubeconfig", kubeconfig, "get", "ns", "default").isSuccess)
      relay.behave(.refuses)
      #expect(try await !server.kubectl(.newest, "--kubeconfig", kubeconfig, "get", "ns", "default").isSuccess)
      #expect(relay.connectionsTaken > 1)
      await relay.stop()
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
    #expect(!FileManager.default.fileExists(atPath: server.folder))
  }
}
