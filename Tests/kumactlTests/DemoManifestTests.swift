import DemoShop
import MeshModel
import OrderedCollections
import Testing

@testable import KumactlCommands

@Suite("The manifest of the demo")
struct DemoManifestTests {
  private func objects(_ manifest: DemoManifest) throws -> [DocumentValue] {
    try DocumentValue.yamlDocuments(manifest.text)
  }

  private func named(_ name: String, _ kind: String, in objects: [DocumentValue]) throws -> DocumentValue {
    try #require(objects.first { $0["kind"]?.string == kind && $0["metadata"]?["name"]?.string == name })
  }

  @Test("has an account, a Service and a Deployment for each service, in a namespace whose pods get a proxy")
  func everything() throws {
    let objects = try objects(DemoManifest(namespace: "shop", image: "r.example/kuma-demo:1", mesh: "other"))
    let names = ["storefront", "catalogue", "checkout", "payments"]
    #expect(
      objects.map { "\($0["kind"]?.string ?? "") \($0["metadata"]?["name"]?.string ?? "")" }
        == ["Namespace shop"] + names.map { "ServiceAccount \($0)" } + names.map { "Service \($0)" }
        + names.map { "Deployment \($0)" })
    #expect(objects.first?["metadata"]?["labels"]?["kuma.io/sidecar-injection"] == "enabled")
    #expect(objects.first?["metadata"]?["annotations"]?["kuma.io/mesh"] == "other")
    #expect(objects.dropFirst().allSatisfy { $0["metadata"]?["namespace"] == "shop" })
  }

  @Test("selects the pods of each Service, and sends requests to the port of the container, as HTTP")
  func services() throws {
    let objects = try objects(DemoManifest(namespace: "shop", image: "kuma-demo:1"))
    for part in DemoShop.services {
      let service = try named(part.name, "Service", in: objects)
      let pod = try named(part.name, "Deployment", in: objects)["spec"]?["template"]
      let selector = try #require(service["spec"]?["selector"]?.object)
      #expect(!selector.isEmpty && selector.allSatisfy { pod?["metadata"]?["labels"]?[$0.key] == $0.value })
      let container = try #require(pod?["spec"]?["containers"]?.array?.first)
      let port = try #require(service["spec"]?["ports"]?.array?.first)
      #expect(port["appProtocol"] == "http")
      #expect(port["targetPort"] == container["ports"]?.array?.first?["name"])
      #expect(container["image"] == "kuma-demo:1")
      let arguments = container["args"]?.array?.compactMap(\.string) ?? []
      let called = arguments.indices.filter { arguments[$0] == "--call" }.map { arguments[$0 + 1] }
      #expect(called == part.calls.map { "\($0)=http://\($0)" })
      #expect(pod?["spec"]?["serviceAccountName"]?.string == part.name)
    }
  }

  @Test(
    "is not printed for wrong options",
    arguments: [
      (["--namespace", "A"], "--namespace: \"A\" is not a valid Kubernetes namespace"),
      (["--registry", "a b"], "\"a b/kuma-demo:"),
      (["--mesh", "A b"], "--mesh: \"A b\" is not a valid name of a mesh"),
    ])
  func refuse(options: [String], message: String) async throws {
    try await KumactlProcess.withHome { kumactl in
      let result = try await kumactl.run(["install", "demo"] + options)
      #expect(result.status == 1)
      #expect(result.output.isEmpty)
      #expect(result.errors.contains(message), "\(result.errors)")
    }
  }

  @Test("has the version of kumactl, or the one that is asked for, in the registry")
  func image() async throws {
    try await KumactlProcess.withHome { kumactl in
      let plain = try await kumactl.run(["install", "demo"])
      #expect(plain.output.contains("image: kuma-demo:\(ProductVersion.current)"), "\(plain.errors)")
      let other = try await kumactl.run(["install", "demo", "--registry", "r.example/x/", "--version", "v9"])
      #expect(other.output.contains("image: r.example/x/kuma-demo:v9"), "\(other.errors)")
    }
  }
}
