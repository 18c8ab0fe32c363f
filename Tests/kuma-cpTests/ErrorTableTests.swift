import Foundation
import MeshXDS
import TestSupport
import Testing

/// The tables of docs/errors.md, beside the sources.
@Suite("The tables of errors") struct ErrorTableTests {
  /// Where each server of the table of HTTP is written.
  private static let servers = [
    "every server": ["HTTPService"], "OTLP over gRPC": ["HTTPService/Calls"], "HTTP API": ["MeshHTTP"],
    "collector": ["TraceHTTP"],
    "sign-in": ["AccessHTTP/Sessions"],
    "diagnostics": ["kuma-cp/Observability"], "proxies": ["MeshTransport"],
  ]

  /// Statuses by their names in the sources.
  private static let statuses = [
    "badRequest": 400, "unauthorized": 401, "forbidden": 403, "notFound": 404, "methodNotAllowed": 405,
    "notAcceptable": 406,
    "requestTimeout": 408, "conflict": 409, "gone": 410, "preconditionFailed": 412, "contentTooLarge": 413,
    "unsupportedMediaType": 415, "expectationFailed": 417, "unprocessableContent": 422, "tooManyRequests": 429,
    "requestHeaderFieldsTooLarge": 431, "internalServerError": 500, "notImplemented": 501, "badGateway": 502,
    "serviceUnavailable": 503, "gatewayTimeout": 504,
  ]

  /// The statuses from 400 on that sources give.
  private static func given(in folders: [String]) throws -> Set<Int> {
    var found: Set<Int> = []
    // What answers calls of gRPC alone is a server of its own.
    let others = folders == ["HTTPService"] ? try RepositoryFiles.sources(of: "HTTPService/Calls") : []
    for text in try folders.flatMap({ try RepositoryFiles.sources(of: $0) }) where !others.contains(text) {
      // Codes of another kind may have the same name: those of a store's errors stand behind `code`, and are compared.
      let answers = text.replacing(/(code: |code == |code != |case |\.code\()\.[a-zA-Z]+/, with: "")
      found.formUnion(answers.matches(of: /[ (\[:]\.([a-zA-Z]+)/).compactMap { statuses[String($0.1)] })
      found.formUnion(text.matches(of: /Status\(code: ([45][0-9][0-9])/).compactMap { Int($0.1) })
    }
    return found
  }

  @Test("have each status of each server") func statuses() throws {
    let rows = try DocumentTables(of: "errors.md").tables("| Status | Server |").joined().map { $0 }
    #expect(rows.count > 40)
    #expect(Set(rows.map { $0[1] }) == Set(Self.servers.keys))
    for (server, folders) in Self.servers {
      let documented = Set(rows.filter { $0[1] == server }.compactMap { Int($0[0]) })
      #expect(try Self.given(in: folders) == documented, "\(server)")
    }
    for row in rows { #expect(row.count == 5 && !row[3].isEmpty && !row[4].isEmpty, "\(row)") }
  }

  @Test("have each code of OpenTelemetry's and of gRPC's") func codes() throws {
    let tables = try DocumentTables(of: "errors.md")
    let exporters = try #require(tables.tables("| Code | Status |").first)
    let http = try RepositoryFiles.sources(of: "TraceHTTP/API").filter { $0.contains("google.rpc.Code") }.joined()
    let calls = try RepositoryFiles.sources(of: "HTTPService/Calls").filter { $0.contains("enum Code: Int") }.joined()
    var given = http.matches(of: /(?:case \.[a-zA-Z, .]+: |code: |\? |: )(3|5|7|8|12|14|16)\b/).compactMap { Int($0.1) }
    given += calls.matches(of: /case `?[a-zA-Z]+`? = ([1-9][0-9]?)/).compactMap { Int($0.1) }
    #expect(given.count > 10)
    #expect(exporters.compactMap { $0[0].split(separator: " ").first.flatMap { Int($0) } } == Set(given).sorted())

    let proxies = try #require(tables.tables("| Code | Says |").first)
    let names = SessionRefusal.Code.allCases.map { code in
      "\(code)".map { $0.isUppercase ? "_\($0)" : $0.uppercased() }.joined()
    }
    #expect(Set(proxies.flatMap { DocumentTables.quoted($0[0]) }) == Set(names))
  }

  @Test("quote sentences that the code has") func sentences() throws {
    let tables = try DocumentTables(of: "errors.md")
    let says =
      tables.tables("| Status | Server |").joined().map { $0[2] }
      + tables.tables("| Code | Says |").joined().map { $0[1] }
      + tables.tables("| Kind | Says |").joined().map { $0[1] }
    let sources = try SourceTexts()
    var count = 0
    for sentence in says.flatMap({ DocumentTables.quoted($0) }) {
      count += 1
      #expect(try sources.have(sentence), "\(sentence)")
    }
    #expect(count > 50)
  }
}
