import HTTPService
import HTTPTypes
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// The description of the collector's API against the API.
@Suite struct CollectorRouteTests {
  private static func target(_ route: CollectorRoute, id: String, withParameters: Bool = true) -> String {
    let query = route.operation.query.compactMap { parameter in
      parameter.requiredExample.map { "\(parameter.name)=\($0)" }
    }
    let path = route.operation.path.replacing("{id}", with: id)
    return query.isEmpty || !withParameters ? path : path + "?" + query.joined(separator: "&")
  }

  private static func check(_ reply: Reply, _ route: CollectorRoute, _ status: Int) {
    #expect(reply.status == status, "\(route.operation.path): \(reply.text.prefix(200))")
    let described = route.operation.outcomes.first { $0.status.code == status }
    #expect(described != nil, "\(route.operation.path) \(status)")
    if !reply.body.isEmpty {
      #expect(
        described?.content.contains { $0.type == reply.field("Content-Type") } == true,
        "\(route.operation.path) \(status)")
    }
  }

  @Test(
    "Every question is answered as described",
    arguments: CollectorAPI.routes.filter { $0.isDescribed && $0.operation.method == .get })
  func questions(route: CollectorRoute) async throws {
    let collector = try TestCollector()
    try await collector.add(span(1), span(trace: 0xB, 1))
    // Nobody answers what is asked about meshes.
    let isOfMeshes = route.operation.path.hasPrefix("/api/mesh")
    Self.check(await collector.get(Self.target(route, id: "a")), route, isOfMeshes ? 404 : 200)
    if route.operation.path.contains("{id}") {
      Self.check(await collector.get(Self.target(route, id: "c")), route, 404)
      Self.check(await collector.get(Self.target(route, id: "x")), route, 400)
    }
    if route.operation.query.contains(where: { $0.requiredExample != nil }) {
      Self.check(await collector.get(Self.target(route, id: "a", withParameters: false)), route, 400)
    }
    if route.operation.query.contains(where: { $0.name == "limit" }) {
      Self.check(await collector.get(Self.target(route, id: "a") + "?limit=0"), route, 400)
    }
    #expect(await collector.send(.put, route.operation.path).status == 405)
    try collector.store.close()
    let closed = await collector.get(Self.target(route, id: "a"))
    if closed.status != 200, !isOfMeshes { Self.check(closed, route, 503) }
  }

  @Test(
    "Every way in answers as described",
    arguments: CollectorAPI.routes.filter { $0.operation.method == .post && $0.sender != .controlPlane })
  func waysIn(route: CollectorRoute) async throws {
    let collector = try TestCollector { $0.limits.bodyBytes = 10_000 }
    for type in route.operation.accepts.map(\.type) {
      let fields: [HTTPField.Name: String] = [.contentType: type]
      // Zipkin's empty list, and messages without any field.
      let isOTLP = route.sender == .exporter
      let isJSON = type == "application/json" || type == "application/x-ndjson"
      let empty: [UInt8] = isJSON ? Array(isOTLP ? "{}".utf8 : "[]".utf8) : []
      // A file in which there is nothing is told from others at once.
      let expected = isOTLP ? 200 : route.operation.path == "/api/trees" ? 400 : 202
      Self.check(await collector.send(.post, route.operation.path, empty, fields: fields), route, expected)
      Self.check(await collector.send(.post, route.operation.path, [0x22], fields: fields), route, 400)
      Self.check(await collector.send(.post, route.operation.path, [0x01], fields: fields), route, 400)
      let large = [UInt8](repeating: 0x20, count: 10_001)
      Self.check(await collector.send(.post, route.operation.path, large, fields: fields), route, 413)
    }
    let thrift = await collector.send(.post, route.operation.path, [], fields: [.contentType: "application/x-thrift"])
    Self.check(thrift, route, 415)
    if route.sender == .exporter {
      let request = HTTPRequest(method: .post, scheme: nil, authority: nil, path: route.operation.path)
      #expect(await collector.api.respondToOTLP(request).status.code == 415)
    }
  }

  @Test("A path and a method are described once") func unique() {
    let operations = CollectorAPI.routes.map(\.operation)
    #expect(Set(operations.map(\.name)).count == operations.count)
    #expect(operations.allSatisfy { $0.summary.hasSuffix(".") })
  }
}
