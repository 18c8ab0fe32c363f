import MeshModel
import Testing

@testable import KumactlCommands

@Suite("The manifest of Jaeger")
struct JaegerManifestTests {
  private func objects(_ manifest: JaegerManifest) throws -> [DocumentValue] {
    let documents = try DocumentValue.yamlDocuments(manifest.text)
    return documents.flatMap { $0["items"]?.array ?? [$0] }
  }

  @Test("puts everything into the namespace, with the image that was asked for")
  func namespace() throws {
    let objects = try objects(JaegerManifest(namespace: "traces", image: "registry/jaeger:1"))
    let names = objects.map { "\($0["kind"]?.string ?? "") \($0["metadata"]?["name"]?.string ?? "")" }
    #expect(
      names == [
        "Namespace traces", "Deployment jaeger", "Service jaeger-query", "Service jaeger-collector",
        "Service jaeger-agent", "Service zipkin",
      ])
    #expect(objects.dropFirst().allSatisfy { $0["metadata"]?["namespace"] == "traces" })
    let containers = objects.dropFirst().first?["spec"]?["template"]?["spec"]?["containers"]?.array
    #expect(containers?.first?["image"] == "registry/jaeger:1")
  }

  @Test("makes the address of the documentation's backend work")
  func collector() throws {
    let objects = try objects(JaegerManifest(namespace: "kuma-tracing", image: JaegerManifest.defaultImage))
    let collector = objects.first { $0["metadata"]?["name"] == "jaeger-collector" }
    #expect(collector?["spec"]?["ports"]?.array?.contains { $0["port"] == 9411 && $0["targetPort"] == 9411 } == true)
    let selector = collector?["spec"]?["selector"]?.object
    let labels = objects.first { $0["kind"] == "Deployment" }?["spec"]?["template"]?["metadata"]?["labels"]
    #expect(selector?.allSatisfy { labels?[$0.key] == $0.value } == true)
  }

  @Test("refuses names that are none of a namespace", arguments: ["", "A", "a.b", "a b", "-a", "x\nkind: Pod"])
  func refuseNamespace(name: String) {
    #expect(throws: CommandFailure.self) { try JaegerManifest(namespace: name, image: "x").text }
  }

  @Test("refuses names that are none of an image", arguments: ["", "a b", "x\nkind: Pod"])
  func refuseImage(name: String) {
    #expect(throws: CommandFailure.self) { try JaegerManifest(namespace: "x", image: name).text }
  }
}
