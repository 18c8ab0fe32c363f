import Documents
import Foundation
import KubernetesTestSupport
import TestSupport
import Testing

/// The manifests of `kumactl install control-plane` and `kumactl install demo` on an API server of their own, whose webhooks lead
/// nowhere.
@Suite(.onKubernetes, .cluster, .serialized, .timeLimit(.minutes(60))) struct ManifestTests {
  private static func manifest(_ arguments: String...) async throws -> String {
    try await printed(["control-plane", "--kube-version", "1.20.2"] + arguments)
  }

  private static func printed(_ arguments: [String]) async throws -> String {
    let printed = try await KubernetesPrograms.run(try TestPrograms.path("kumactl"), ["install"] + arguments)
    #expect(printed.isSuccess, "\(printed.errors)")
    return printed.output
  }

  private static let caBundle =
    #"[{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "QUJD"}]"#

  /// Specifications of the wrong kind, and with unknown fields. Only the control plane is to refuse or warn.
  private static let specifications = [
    "5", "\"x\"", "[1]", "{\"conf\":5}", "{\"selectors\":[\"x\",{\"match\":7}]}",
    "{\"conf\":{\"backend\":7,\"more\":{\"a\":1}},\"extra\":[2],\"selectors\":5}",
  ]

  @Test("Custom resources take any specification, and applying a manifest again changes nothing")
  func server() async throws {
    let server = try await KubernetesServer.start(controllers: false)
    do {
      try await server.installCustomResources()
      for age in KubectlAge.allCases { try await keepAnything(on: server, age) }
      try await server.succeed(["delete", "crd", "--all"])
      try await applyAgain(on: server)
      try await applyServerSide(on: server)
      try await installDemo(on: server)
      try await install(on: server)
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  /// Without webhooks: the API server refuses no specification by itself, keeps unknown fields, and lists what it keeps.
  private func keepAnything(on server: KubernetesServer, _ age: KubectlAge) async throws {
    let documents = Self.specifications.enumerated().map { index, spec in
      """
      {"apiVersion": "kuma.io/v1alpha1", "kind": "TrafficTrace", "mesh": "nowhere", "metadata": {"name": "any-\(index)"},
       "spec": \(spec)}
      """
    }
    let applied = try await server.kubectl(age, "apply", "-f", "-", input: documents.joined(separator: "\n"))
    #expect(applied.output.split(separator: "\n").count { $0.hasSuffix(" created") } == documents.count, "\(applied)")
    for (index, spec) in Self.specifications.enumerated() {
      let stored = try await server.succeed(["get", "traffictrace", "any-\(index)", "--output=json"])
      let object = try DocumentValue(json: stored.utf8)
      #expect(object["spec"]?.sortedByKey() == (try DocumentValue(json: spec.utf8)).sortedByKey())
    }
    let listed = try await server.kubectl(age, "get", "traffictraces")
    #expect(listed.output.split(separator: "\n").count == documents.count + 1, "\(listed.errors)")
    try await server.succeed(["delete", "traffictraces", "--all"])
  }

  private func applyAgain(on server: KubernetesServer) async throws {
    let manifest = try await Self.manifest("--set", "controlPlane.replicas=2")
    let first = try await server.kubectl(.oldest, "apply", "-f", "-", input: manifest)
    #expect(first.isSuccess && first.errors.isEmpty, "\(first.errors)")
    let lines = first.output.split(separator: "\n")
    #expect(lines.count == 16 && lines.allSatisfy { $0.hasSuffix(" created") }, "\(first.output)")
    try await server.succeed([
      "patch", "mutatingwebhookconfiguration", "kuma-admission-mutating-webhook-configuration", "--type=json",
      "--field-manager=kuma-cp", "--patch", Self.caBundle,
    ])
    try await expectNoChange(manifest, on: server)
    try await #expect(authority(on: server) == "QUJD")
  }

  /// Applies a manifest that is there already with each kubectl.
  private func expectNoChange(_ manifest: String, on server: KubernetesServer) async throws {
    for age in KubectlAge.allCases {
      let next = try await server.kubectl(age, "apply", "-f", "-", input: manifest)
      #expect(next.isSuccess && next.errors.isEmpty, "\(next.errors)")
      let changed = next.output.split(separator: "\n").filter { !$0.hasSuffix(" unchanged") }
      #expect(changed.isEmpty, "\(age)")
      let difference = try await server.kubectl(age, "diff", "-f", "-", input: manifest)
      #expect(difference.status == 0 && difference.output.isEmpty, "\(difference.output)")
    }
  }

  private func applyServerSide(on server: KubernetesServer) async throws {
    let manifest = try await Self.manifest("--set", "controlPlane.replicas=2")
    try await server.apply(manifest, "--server-side", "--force-conflicts")
    let versions = try await self.versions(of: manifest, on: server)
    #expect(versions.split(separator: "\n").count == 16)
    for age in KubectlAge.allCases {
      let next = try await server.kubectl(age, "apply", "--server-side", "-f", "-", input: manifest)
      #expect(next.isSuccess, "\(next.errors)")
      #expect(try await self.versions(of: manifest, on: server) == versions, "\(age)")
    }
    try await #expect(authority(on: server) == "QUJD")
    try await server.succeed(["delete", "-f", "-", "--wait=false"], input: manifest)
  }

  private func installDemo(on server: KubernetesServer) async throws {
    let manifest = try await Self.printed(["demo", "--registry", "registry.example/mesh", "--mesh", "other"])
    let first = try await server.kubectl(.oldest, "apply", "-f", "-", input: manifest)
    let lines = first.output.split(separator: "\n")
    #expect(first.isSuccess && lines.count == 13 && lines.allSatisfy { $0.hasSuffix(" created") }, "\(first)")
    try await expectNoChange(manifest, on: server)
    try await server.succeed(["delete", "-f", "-", "--wait=false"], input: manifest)
  }

  /// Installs, changes and removes the chart with Helm.
  private func install(on server: KubernetesServer) async throws {
    func helm(_ arguments: String...) async throws {
      let result = try await KubernetesPrograms.run(
        try KubernetesPrograms.path("helm"), arguments + ["--namespace", "mesh"],
        environment: ["KUBECONFIG": server.kubeconfig, "HOME": server.folder])
      #expect(result.isSuccess, "\(arguments): \(result.errors)")
    }
    let chart = KubernetesPrograms.file("deploy/kuma-trace")
    try await helm("install", "kuma", chart, "--create-namespace")
    let deployment = ["get", "deployment", "kuma-control-plane", "--namespace", "mesh", "--output"]
    #expect(try await server.succeed(deployment + ["jsonpath={.spec.replicas}"]) == "1")
    try await helm("upgrade", "kuma", chart, "--set", "controlPlane.replicas=2")
    #expect(try await server.succeed(deployment + ["jsonpath={.spec.replicas}"]) == "2")
    try await helm("uninstall", "kuma")
    #expect(try await !server.kubectl(.newest, deployment + ["name"]).isSuccess)
    // Custom resources stay, and what users wrote with them.
    #expect(try await server.succeed(["get", "crd", "--output=name"]).split(separator: "\n").count == 4)
  }

  private func authority(on server: KubernetesServer) async throws -> String {
    try await server.succeed([
      "get", "mutatingwebhookconfiguration", "kuma-admission-mutating-webhook-configuration",
      "--output=jsonpath={.webhooks[0].clientConfig.caBundle}",
    ])
  }

  private func versions(of manifest: String, on server: KubernetesServer) async throws -> String {
    let path = #"jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion}{"\n"}{end}"#
    return try await server.succeed(["get", "-f", "-", "--output", path], input: manifest)
  }
}
