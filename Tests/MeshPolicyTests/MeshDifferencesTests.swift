import MeshModel
import MeshPolicy
import OrderedCollections
import Testing

/// What is said about meshes that say more than is done.
@Suite struct MeshDifferencesTests {
  private static func mesh(_ urls: [String], other: DocumentValue.Object = [:]) -> Mesh {
    let backends = urls.enumerated().map { TracingBackend(name: "b\($0)", zipkin: ZipkinConf(url: $1)) }
    return Mesh(tracing: Mesh.Tracing(backends: backends), otherSections: other)
  }

  @Test("nothing about a mesh of which everything is done")
  func nothing() {
    #expect(PolicyWarnings.differences(of: Mesh(), name: "shop").isEmpty)
    #expect(
      PolicyWarnings.differences(of: Self.mesh(["http://z:9411/api/v2/spans", "http://z:9411/"]), name: "shop").isEmpty)
    // Backends that no one enables protect nothing in Kuma either.
    let prepared: DocumentValue.Object = ["mtls": ["backends": [["name": "ca", "type": "builtin"]]]]
    #expect(PolicyWarnings.differences(of: Self.mesh([], other: prepared), name: "shop").isEmpty)
  }

  @Test("a url without a path")
  func path() {
    let one = Self.mesh(["http://z:9411/s", "http://z:9411"])
    #expect(
      PolicyWarnings.differences(of: one, name: "shop") == [
        "Tracing backend \"b1\" has a url without a path; spans are sent to /api/v2/spans. Add it to the url, or the path "
          + "that the collector has."
      ])
    let three = Self.mesh(Array(repeating: "http://z:9411", count: 3))
    let sentence = PolicyWarnings.differences(of: three, name: "shop").first
    #expect(sentence?.hasPrefix("Tracing backend \"b0\", like 2 more, has a url without a path; ") == true)
  }

  @Test("mesh TLS that is switched on")
  func protection() {
    let mesh = Self.mesh([], other: ["mtls": ["enabledBackend": "ca", "backends": []]])
    #expect(
      PolicyWarnings.differences(of: mesh, name: "shop") == [
        "Mesh \"shop\" has mtls.enabledBackend, which is kept and not acted on: there is no mesh TLS here, and traffic "
          + "between proxies is not encrypted."
      ])
  }
}
