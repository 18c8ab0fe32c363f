import AsyncHTTPClient
import Foundation
import MeshAccess
import MeshModel
import MeshTestSupport
import NIOCore
import NIOHTTP1
import ProcessSupervisor

/// A real collector alone that asks who is there, on this machine too, and takes TLS.
struct ProtectedCollector: Sendable {
  /// The tokens of the file that it starts with.
  static let tokens = ["the-first-token-for-spans", "the-second-token-for-spans"]

  let port: Int
  let otlpPort: Int
  let grpcPort: Int
  let folder: URL
  let log: Lines
  private let key: SigningKey

  /// Runs a collector for a body. It knows one token for spans, and user tokens by a public key.
  ///
  /// - Parameter settings: further variables of the environment.
  static func run(
    _ settings: [String: String] = [:], _ body: (ProtectedCollector) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "protected-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let ports = try FreePort.take(3)
    let collector = ProtectedCollector(
      port: ports[0], otlpPort: ports[1], grpcPort: ports[2], folder: folder, log: Lines(),
      key: try SigningKey.generate(id: "laptop"))
    try collector.accept([tokens[0]])
    let process = try collector.start(settings)
    do {
      try await eventually("the collector's health: \(collector.log.tail())") {
        try await HTTPProbe.get(port: collector.port, "/health")?.status == 200
      }
      try await body(collector)
    } catch {
      _ = await process.terminate(grace: .seconds(15))
      throw error
    }
    _ = await process.terminate(grace: .seconds(15))
  }

  private func start(_ more: [String: String]) throws -> ChildProcess {
    let publicKey = folder.appending(path: "user.pem")
    try key.publicPEM.write(to: publicKey, atomically: true, encoding: .utf8)
    let settings = [
      "KUMA_COLLECTOR_TLS_ENABLED": "true", "KUMA_COLLECTOR_OTLP_GRPC_PORT": "\(grpcPort)",
      "KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN": "false",
      "KUMA_API_SERVER_AUTHN_TOKENS_VALIDATOR_PUBLIC_KEYS": "[{kid: laptop, keyFile: \(publicKey.path)}]",
    ]
    return try ChildProcess.start(
      ChildProcess.Command(
        Programs.path("kuma-cp"),
        [
          "collector", "--work-dir", folder.path, "--zipkin-port", "\(port)", "--otlp-port", "\(otlpPort)",
          "--ingest-tokens-file", folder.appending(path: "tokens").path,
        ],
        environment: Programs.environment.merging(settings) { $1 }.merging(more) { $1 }, output: .lines(log.append),
        errors: .lines(log.append)))
  }

  /// Writes the file with the tokens for spans.
  func accept(_ tokens: [String]) throws {
    let lines = tokens.map { "default \($0)\n" }.joined()
    try lines.write(to: folder.appending(path: "tokens"), atomically: true, encoding: .utf8)
  }

  /// A token of a user who is in no group of the collector's rules.
  func userToken(_ name: String = "ada") async throws -> String {
    try await key.sign(User(name: name, groups: ["team-a"]), validFor: .seconds(3_600), now: .now)
  }

  /// The status and the text of an answer, in plaintext over the loopback interface.
  func send(
    _ path: String, _ body: [UInt8]? = nil, type: String = "application/json", token: String? = nil,
    toOTLP: Bool = false
  ) async throws -> (status: Int, text: String) {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(toOTLP ? otlpPort : port)\(path)")
    if let body {
      request.method = .POST
      request.headers.add(name: "content-type", value: type)
      request.body = .bytes(ByteBuffer(bytes: body))
    }
    if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
    let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    let content = try await answer.body.collect(upTo: 1 << 20)
    return (Int(answer.status.code), String(buffer: content))
  }

  /// Sends a span as Zipkin's tracers do.
  func sendSpan(token: String?) async throws -> Int {
    try await send("/api/v2/spans", Array(#"[{"traceId":"a","id":"1","name":"x"}]"#.utf8), token: token).status
  }
}
