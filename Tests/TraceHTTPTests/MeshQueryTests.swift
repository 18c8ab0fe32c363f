import HTTPService
import HTTPTypes
import Synchronization
import Testing

@testable import TraceHTTP
@testable import TraceModel

/// What the page asks about meshes, which a program around the collector answers.
@Suite struct MeshQueryTests {
  @Test("A collector alone says that it knows of no mesh, and its page does not show a link")
  func alone() async throws {
    let collector = try TestCollector()
    for path in ["/api/meshes", "/api/mesh?mesh=default"] {
      let reply = await collector.get(path)
      #expect(reply.status == 404)
      #expect(reply.text.hasPrefix("this collector runs without a control plane"))
    }
    #expect(await collector.get("/config.json").text.contains(#""meshEnabled":false"#))
    #expect(await collector.get("/gui/meshes/default").field("Location") == "/")
  }

  @Test("Known parameters reach the control plane, and its answer and its failures reach the page")
  func answers() async throws {
    let collector = try TestCollector()
    let seen = Mutex<[String]>([])
    var settings = CollectorAPI.Settings()
    settings.meshes = CollectorAPI.MeshQueries(
      names: { .success(["default", "a b"]) },
      tracing: { mesh, parameters in
        seen.withLock { $0.append(([mesh] + parameters.map { "\($0.name)=\($0.value)" }).joined(separator: " ")) }
        guard mesh != "old" else {
          return .failure(CollectorError(code: .notFound, message: "there is no mesh \"old\""))
        }
        return .success(Array(#"{"total":0}"#.utf8))
      })
    let api = CollectorAPI(store: collector.store, settings: settings)
    func get(_ path: String) async -> Reply { await TestCollector.send(to: api, .get, path) }
    #expect(await get("/api/meshes").text == #"{"meshes":["default","a b"]}"#)
    let reply = await get("/api/mesh?mesh=a+b&size=5&other=1&cause=no-policy&name=&notTraced=true")
    #expect(reply.status == 200 && reply.text == #"{"total":0}"#)
    #expect(reply.field("Content-Type") == MediaType.json)
    #expect(seen.withLock { $0 } == ["a b cause=no-policy notTraced=true size=5"])
    #expect(await get("/api/mesh?mesh=old").status == 404)
    #expect(await get("/api/mesh").text == "the parameter mesh is missing\n")
    #expect(await get("/config.json").text.contains(#""meshEnabled":true"#))
    #expect(await get("/gui/meshes/default").field("Location") == "/mesh")
  }
}
