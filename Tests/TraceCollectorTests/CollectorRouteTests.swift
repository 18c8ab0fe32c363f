import HTTPTypes
import Testing

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// The description of the collector's API against the API.
@Suite struct CollectorRouteTests {
  private static func target(_ route: CollectorRoute, id: String, withParameters: Bool = true) -> String {
    let query = route.query.compactMap { parameter in
      parameter.requiredExample.map { "\(parameter.name)=\($0)" }
    }
    let path = route.path.replacing("{id}", with: id)
    return query.isEmpty || !withParameters ? path : path + "?" + query.joined(separator: "&")
  }

  private static func check(_ reply: Reply, _ route: CollectorRoute, _ status: Int) {
    #expect(reply.status == status, "\(route.path): \(reply.text.prefix(200))")
    let described = route.responses.first { $0.status == status }
    #expect(described != nil, "\(route.path) \(status)")
    if !reply.body.isEmpty {
      #expect(described?.types.contains(reply.field("Content-Type") ?? "") == true, "\(route.path) \(status)")
    }
  }

  @Test("Every question is answered as described", arguments: CollectorRoute.all.filter { $0.method == "GET" })
  func questions(route: CollectorRoute) async throws {
    let collector = try TestCollector()
    try await collector.add(span(1), span(trace: 0xB, 1))
    Self.check(await collector.get(Self.target(route, id: "a")), route, 200)
    if route.path.contains("{id}") {
      Self.check(await collector.get(Self.target(route, id: "c")), route, 404)
      Self.check(await collector.get(Self.target(route, id: "x")), route, 400)
    }
    if route.query.contains(where: { $0.requiredExample != nil }) {
      Self.check(await collector.get(Self.target(route, id: "a", withParameters: false)), route, 400)
    }
    if route.query.contains(where: { $0.name == "limit" }) {
      Self.check(await collector.get(Self.target(route, id: "a") + "?limit=0"), route, 400)
    }
    #expect(await collector.send(.put, route.path).status == 405)
    try collector.store.close()
    let closed = await collector.get(Self.target(route, id: "a"))
    if closed.status != 200 { Self.check(closed, route, 503) }
  }

  @Test("Every way in answers as described", arguments: CollectorRoute.all.filter { $0.method == "POST" })
  func waysIn(route: CollectorRoute) async throws {
    let collector = try TestCollector { $0.limits.bodyBytes = 10_000 }
    for type in route.accepts {
      let fields: [HTTPField.Name: String] = [.contentType: type]
      // Zipkin's empty list, and messages without any field.
      let isOTLP = route.path == CollectorAPI.otlpPath
      let isJSON = type == "application/json" || type == "application/x-ndjson"
      let empty: [UInt8] = isJSON ? Array(isOTLP ? "{}".utf8 : "[]".utf8) : []
      // A file in which there is nothing is told from others at once.
      let expected = isOTLP ? 200 : route.path == CollectorAPI.filePath ? 400 : 202
      Self.check(await collector.send(.post, route.path, empty, fields: fields), route, expected)
      Self.check(await collector.send(.post, route.path, [0x22], fields: fields), route, 400)
      Self.check(await collector.send(.post, route.path, [0x01], fields: fields), route, 400)
      let large = [UInt8](repeating: 0x20, count: 10_001)
      Self.check(await collector.send(.post, route.path, large, fields: fields), route, 413)
    }
    let thrift = await collector.send(.post, route.path, [], fields: [.contentType: "application/x-thrift"])
    Self.check(thrift, route, 415)
    if route.isForExporters {
      let request = HTTPRequest(method: .post, scheme: nil, authority: nil, path: route.path)
      #expect(await collector.api.respondToOTLP(request).0.status.code == 415)
    }
  }

  @Test("A path and a method are described once") func unique() {
    let all = CollectorRoute.all.map { "\($0.method) \($0.path)" }
    #expect(Set(all).count == all.count)
    #expect(CollectorRoute.all.allSatisfy { $0.summary.hasSuffix(".") })
  }
}
