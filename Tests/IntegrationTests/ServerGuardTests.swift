import AsyncHTTPClient
import Foundation
import MeshTestSupport
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

/// Who may use the servers of a control plane, seen from outside.
@Suite("Guards of the servers", .fewAtATime, .timeLimit(.minutes(60)))
struct ServerGuardTests {
  private struct Row {
    var port: KeyPath<ControlPlaneProcess.Ports, Int>
    var method = HTTPMethod.GET
    var path: String
    var fields: [(String, String)] = []
    var body = ""
    var status: Int
  }

  private static let span = #"[{"traceId":"a","id":"1"}]"#
  private static let otlp = #"{"resourceSpans":[]}"#

  private func answer(_ row: Row, _ ports: ControlPlaneProcess.Ports) async throws -> (status: Int, body: String) {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(ports[keyPath: row.port])\(row.path)")
    request.method = row.method
    for (name, value) in row.fields { request.headers.add(name: name, value: value) }
    if !row.body.isEmpty { request.body = .bytes(ByteBuffer(string: row.body)) }
    request.headers.add(name: "connection", value: "close")
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
    return (Int(response.status.code), String(buffer: try await response.body.collect(upTo: 1 << 20)))
  }

  @Test("strange hosts may bring spans, bootstraps and nothing else; pages of other sites may do nothing")
  func hostsAndPages() async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "guards-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    let controlPlane = try ControlPlaneProcess(
      home: home,
      settings: [
        "KUMA_GENERAL_ALLOWED_HOSTS": "cp.example", "KUMA_API_SERVER_CORS_ALLOWED_DOMAINS": "http://gui.example",
        "KUMA_API_SERVER_AUTHN_TOKENS_BOOTSTRAP_ADMIN_TOKEN": "true",
      ])
    try await controlPlane.start()
    let ports = controlPlane.ports
    let strange = [("host", "evil.example")]
    let json = ("content-type", "application/json")
    let question = #"{"authority":"zipkin:9411","nodes":["default.web"]}"#

    var rows: [Row] = [
      Row(port: \.api, path: "/meshes", fields: strange, status: 403),
      // A name of the server, but not one of this machine: whoever it is, it is not the administrator.
      Row(port: \.api, path: "/meshes", fields: [("host", "cp.example")], status: 401),
      Row(port: \.api, path: "/", fields: [("host", "cp.example")], status: 200),
      Row(port: \.api, path: "/meshes", fields: [("host", "localhost:\(ports.api)")], status: 200),
      Row(port: \.collector, path: "/", fields: strange, status: 403),
      Row(port: \.collector, path: "/api/v2/services", fields: strange, status: 403),
      Row(port: \.collector, path: "/health", fields: [("host", "cp.example:1")], status: 200),
      Row(port: \.diagnostics, path: "/metrics", fields: strange, status: 403),
      Row(
        port: \.collector, method: .POST, path: "/api/v2/spans", fields: strange + [json], body: Self.span, status: 202),
      Row(port: \.collector, method: .POST, path: "/v1/traces", fields: strange + [json], body: Self.otlp, status: 200),
      Row(port: \.otlp, method: .POST, path: "/v1/traces", fields: strange + [json], body: Self.otlp, status: 200),
      Row(port: \.collector, path: "/receiver", fields: strange, status: 200),
      Row(
        port: \.collector, method: .POST, path: "/receiver/senders", fields: strange + [json], body: question,
        status: 200),
      // A page whose site lets its name resolve to this machine.
      Row(
        port: \.collector, method: .POST, path: "/receiver/senders",
        fields: strange + [json, ("origin", "http://evil.example")], body: question, status: 403),
      Row(port: \.dataplane, method: .POST, path: "/bootstrap", fields: strange, body: "{}", status: 400),
      Row(port: \.api, path: "/meshes", fields: [("origin", "http://gui.example")], status: 200),
    ]
    // Whatever a page of another site sends, and calls it.
    for field in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
      for type in ["text/plain", "application/json", "application/x-protobuf"] {
        let fields = [field, ("content-type", type)]
        rows += [
          Row(port: \.api, method: .PUT, path: "/meshes/evil", fields: fields, body: "{}", status: 403),
          Row(port: \.dataplane, method: .POST, path: "/bootstrap", fields: fields, body: "{}", status: 403),
          Row(port: \.collector, method: .POST, path: "/api/v2/spans", fields: fields, body: Self.span, status: 403),
          Row(port: \.collector, method: .POST, path: "/api/v1/spans", fields: fields, body: Self.span, status: 403),
          Row(port: \.collector, method: .POST, path: "/v1/traces", fields: fields, body: Self.otlp, status: 403),
          Row(port: \.otlp, method: .POST, path: "/v1/traces", fields: fields, body: Self.otlp, status: 403),
        ]
      }
      rows.append(Row(port: \.diagnostics, path: "/metrics", fields: [field], status: 403))
      rows.append(Row(port: \.collector, path: "/receiver", fields: [field], status: 403))
    }
    for row in rows {
      let (status, body) = try await answer(row, ports)
      #expect(status == row.status, "\(row.method) \(row.path) \(row.fields): \(body)")
      if status == 403 { #expect(body.contains("host") || body.contains("Pages of"), "\(row.path): \(body)") }
    }

    // Links are made from a host that has been looked at.
    for mesh in ["one", "two"] {
      let (status, _) = try await answer(
        Row(
          port: \.api, method: .PUT, path: "/meshes/\(mesh)", fields: [json],
          body: #"{"type":"Mesh","name":"\#(mesh)"}"#,
          status: 201), ports)
      #expect(status == 201)
    }
    let file = home.appending(path: "cp/admin-user-token")
    let token = try await eventually("the token of the administrator") {
      try? String(contentsOf: file, encoding: .utf8)
    }
    let (_, page) = try await answer(
      Row(
        port: \.api, path: "/meshes?size=1", fields: [("host", "cp.example:80"), ("authorization", "Bearer \(token)")],
        status: 200), ports)
    #expect(page.contains(#""next": "http://cp.example:80/meshes?offset=1&size=1""#), "\(page)")

    // What is counted can be read.
    let metrics = try #require(try await HTTPProbe.get(port: ports.diagnostics, "/metrics")).text
    for line in [
      #"kuma_http_refusals_total{server="HTTP API",reason="foreign_host"} 1"#,
      #"kuma_http_refusals_total{server="data plane server",reason="foreign_page"} 9"#,
      #"kuma_request_budget_limit_bytes{budget="all"} 50331648"#, #"kuma_request_budget_bytes{budget="api"} 0"#,
    ] {
      #expect(metrics.contains(line + "\n"), "\(line)")
    }
    await controlPlane.stop()
  }
}
