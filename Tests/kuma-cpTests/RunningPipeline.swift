import AsyncHTTPClient
import Documents
import Foundation
import HTTPService
import Logging
import MeshAccess
import NIOCore
import NIOHTTP1
import OrderedCollections
import TestSupport
import Testing

@testable import kuma_cp

/// A control plane in this process, at which a client on this machine is nobody special.
struct RunningPipeline: Sendable {
  private let pipeline: Pipeline
  private let folder: TemporaryFolder

  /// Runs a control plane until the body is done.
  static func with(
    settings: [String: String] = [:], log: LogRecorder = LogRecorder(),
    _ body: (RunningPipeline) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    var flags = [
      "store.type": "memory", "general.workDir": folder.path, "apiServer.authn.localhostIsAdmin": "false",
      "dpServer.authn.dpProxy.type": "dpToken", "collector.tlsEnabled": "false",
      "access.static.writePolicies.groups": "mesh-system:admin,policy-authors",
    ]
    for port in [
      "apiServer.http.port", "apiServer.https.port", "dpServer.port", "diagnostics.serverPort", "collector.zipkinPort",
      "collector.otlpPort", "collector.otlpGrpcPort",
    ] {
      flags[port] = "0"
    }
    flags.merge(settings) { $1 }
    let (configuration, _) = try ControlPlaneConfiguration.load(file: nil, environment: [:], flags: flags)
    let server = RunningPipeline(
      pipeline: try await Pipeline.build(configuration, logger: log.logger(.info)), folder: folder)
    let running = Task { try await server.pipeline.run(until: EndRequest()) }
    do {
      try await eventually("readiness") {
        guard server.port(.diagnostics) != nil else { return false }
        return try await server.request("GET", server.base(.diagnostics) + "/ready", token: nil).status == 200
      }
      try await body(server)
    } catch {
      running.cancel()
      _ = await running.result
      throw error
    }
    running.cancel()
    _ = await running.result
  }

  /// The token of the administrator, once it is made.
  var administratorToken: String? { try? String(contentsOfFile: folder.file("admin-user-token"), encoding: .utf8) }

  /// The port of a server, once it listens.
  func port(_ server: AccessMatrix.Server) -> Int? {
    let name =
      switch server {
      case .api: Pipeline.Server.api
      case .collector: Pipeline.Server.collector
      case .otlp: Pipeline.Server.otlp
      case .diagnostics: Pipeline.Server.diagnostics
      case .dataplane: Pipeline.Server.dataplane
      }
    return pipeline.ports.port(name)
  }

  /// The port of the API over HTTPS, once it listens.
  var securePort: Int? { pipeline.ports.port(Pipeline.Server.secureAPI) }

  /// The address of a server.
  func base(_ server: AccessMatrix.Server) -> String { "http://127.0.0.1:\(port(server) ?? 0)" }

  /// Runs an operation with names that nothing has.
  func send(
    _ operation: String, to server: AccessMatrix.Server, token: String?
  ) async throws -> (status: Int, body: String) {
    let words = operation.split(separator: " ", maxSplits: 1)
    let path = words[1].replacing(/\{id\}|\{other\}/, with: "000000000000000a").replacing(/\{[^}]*\}/, with: "absent")
    let body = words[0] == "GET" || words[0] == "DELETE" ? nil : operation.hasSuffix("/spans") ? "[]" : "{}"
    return try await request(String(words[0]), base(server) + path, token: token, body: body)
  }

  /// Sends a request.
  func request(
    _ method: String, _ url: String, token: String?, body: String? = nil
  ) async throws -> (status: Int, body: String) {
    var request = HTTPClientRequest(url: url)
    request.method = HTTPMethod(rawValue: method)
    if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
    if let body {
      request.headers.add(name: "content-type", value: "application/json")
      request.body = .bytes(ByteBuffer(string: body))
    }
    let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
    return (Int(answer.status.code), String(buffer: try await answer.body.collect(upTo: 64 << 20)))
  }

  /// The operations in the OpenAPI document.
  ///
  /// - Parameter others: those of other servers than the API, instead of the API's own.
  func describedOperations(ofOthers others: Bool) async throws -> [String] {
    let text = try await request("GET", base(.api) + "/openapi.yaml", token: nil).body
    let paths = try #require(try DocumentValue.yamlDocuments(text).first?["paths"]?.object)
    return paths.flatMap { path, methods in
      (methods.object ?? [:]).compactMap { method, operation in
        guard (operation["servers"]?.array ?? []).isEmpty != others else { return nil }
        return "\(method.uppercased()) \(path)"
      }
    }
  }
}
