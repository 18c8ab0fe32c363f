import AsyncHTTPClient
import Foundation
import MeshAccess
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import kuma_cp

/// Sessions of the collector's page at a whole control plane.
@Suite("Sessions of the page", .timeLimit(.minutes(10)))
struct PageSessionTests {
  private struct Session: Decodable {
    var name: String
    var csrfToken: String?
  }

  private func request(
    _ method: HTTPMethod, _ url: String, _ fields: [String: String] = [:], body: String? = nil
  ) async throws -> (status: Int, cookie: String?, body: [UInt8]) {
    var request = HTTPClientRequest(url: url)
    request.method = method
    for (name, value) in fields { request.headers.add(name: name, value: value) }
    if let body { request.body = .bytes(ByteBuffer(string: body)) }
    let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
    let content = try await answer.body.collect(upTo: 1 << 20)
    let cookie = answer.headers.first(name: "set-cookie").map { String($0.prefix { $0 != ";" }) }
    return (Int(answer.status.code), cookie, Array(content.readableBytesView))
  }

  @Test("a session reads traces until its token is revoked, also while a request waits, and opens nothing elsewhere")
  func revocation() async throws {
    try await RunningPipeline.with { server in
      try await eventually("the token of the administrator") { server.administratorToken != nil }
      let administrator = try #require(server.administratorToken)
      let issued = try await server.request(
        "POST", server.base(.api) + "/tokens/user", token: administrator,
        body: #"{"name":"ada","groups":["team-a"],"validFor":"1h"}"#)
      #expect(issued.status == 200)
      let collector = server.base(.collector)
      let json = ["content-type": "application/json"]
      let login = try await request(.POST, collector + "/login", json, body: #"{"token":"\#(issued.body)"}"#)
      #expect(login.status == 200)
      let long = String(repeating: "a", count: 30 << 10)
      let refused = try await request(.POST, collector + "/login", json, body: #"{"token":"\#(long)"}"#)
      #expect(refused.status == 413)
      let sentence = String(decoding: refused.body, as: UTF8.self)
      #expect(sentence == "The body is larger than 20480 bytes; send less at a time.\n")
      let cookie = ["cookie": try #require(login.cookie)]
      let session = try JSONDecoder().decode(Session.self, from: Data(login.body))
      #expect(session.name == "ada")

      #expect(try await request(.GET, collector + "/api/v2/services", cookie).status == 200)
      // Another server of the same host gets the cookie too, and does not look at it.
      #expect(try await request(.GET, server.base(.api) + "/meshes", cookie).status == 401)
      // What changes something needs the second secret, and what ada may not do stays forbidden with it.
      let guarded = cookie.merging(["x-csrf-token": try #require(session.csrfToken)]) { $1 }.merging(json) { $1 }
      #expect(try await request(.POST, collector + "/api/trees", cookie.merging(json) { $1 }, body: "[]").status == 403)
      #expect(try await request(.POST, collector + "/api/trees", guarded, body: "[]").status == 400)
      #expect(try await request(.POST, collector + "/api/import", guarded, body: "[]").status == 403)
      #expect(try await request(.POST, collector + "/api/v2/spans", guarded, body: "[]").status == 403)

      struct Summaries: Decodable { var cursor: String }
      let list = collector + "/api/summaries?lookback=1000"
      let first = try await request(.GET, list, cookie)
      let cursor = try JSONDecoder().decode(Summaries.self, from: Data(first.body)).cursor
      async let waiting = request(.GET, list + "&after=\(cursor)&wait=30", cookie)

      let payload = issued.body.split(separator: ".")[1].replacing("-", with: "+").replacing("_", with: "/")
      let padded = payload + String(repeating: "=", count: (4 - payload.count % 4) % 4)
      struct Claims: Decodable { var jti: String }
      let id = try JSONDecoder().decode(Claims.self, from: try #require(Data(base64Encoded: String(padded)))).jti
      let revoked = try await server.request(
        "PUT", server.base(.api) + "/global-secrets/\(SecretName.userTokenRevocations)", token: administrator,
        body:
          #"{"type":"GlobalSecret","name":"user-token-revocations","data":"\#(Data(id.utf8).base64EncodedString())"}"#)
      #expect(revoked.status == 201)
      try await eventually("the end of the session") {
        try await request(.GET, collector + "/api/v2/services", cookie).status == 401
      }
      #expect(try await waiting.status == 401)
    }
  }
}
