import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

/// Tokens from the first start to revocation, with the real programs and nothing else.
@Suite("The life of tokens", .fewAtATime, .timeLimit(.minutes(60)))
struct TokenLifecycleTests {
  private struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// Runs `kumactl`, and returns what it printed.
  private static func kumactl(_ arguments: [String], home: URL) async throws -> String {
    let run = try await Programs.run("kumactl", arguments, home: home)
    guard run.status.isSuccess else {
      throw Failure(description: "kumactl \(arguments): \(run.errors.joined(separator: "\n"))")
    }
    return run.output.joined(separator: "\n")
  }

  /// Has `kumactl` use a token.
  private static func use(_ token: String, _ controlPlane: ControlPlaneProcess) async throws {
    _ = try await kumactl(
      [
        "config", "control-planes", "add", "--name", "test", "--address", "http://127.0.0.1:\(controlPlane.ports.api)",
        "--auth-type", "tokens", "--auth-conf", "token=\(token)", "--overwrite",
      ], home: controlPlane.home)
  }

  /// A part of a token: 0 is its header, 1 its claims.
  private static func part(_ index: Int, of token: String) throws -> DocumentValue {
    let parts = token.split(separator: ".").map(String.init)
    let bytes = try #require(index < parts.count ? Base64.decode(parts[index]) : nil)
    return try DocumentValue(json: bytes)
  }

  @Test("keys are made at the first start, rotated and deleted, and tokens revoked, without a restart")
  func lifecycle() async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "tokens-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    let controlPlane = try ControlPlaneProcess(
      home: home,
      settings: [
        "KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN": "false",
        "KUMA_API_SERVER_AUTHN_TOKENS_BOOTSTRAP_ADMIN_TOKEN": "true",
      ])
    try await controlPlane.start()
    do {
      try await Self.live(controlPlane)
    } catch {
      await controlPlane.stop()
      throw error
    }
    await controlPlane.stop()
  }

  private static func live(_ controlPlane: ControlPlaneProcess) async throws {
    let home = controlPlane.home
    func status(_ token: String?) async throws -> Int? {
      let answer = try await HTTPProbe.get(
        port: controlPlane.ports.api, "/meshes", headers: token.map { ["authorization": "Bearer \($0)"] } ?? [:])
      if answer?.status == 401 {
        #expect(!(answer?.text ?? "").contains("KID") && !(answer?.text ?? "").contains("revoked"))
      }
      return answer?.status
    }
    let file = home.appending(path: "cp/admin-user-token")
    let first = try await eventually("the token of the administrator") {
      try? String(contentsOf: file, encoding: .utf8)
    }
    let mode = try FileManager.default.attributesOfItem(atPath: file.path(percentEncoded: false))[.posixPermissions]
    #expect(mode as? Int == 0o600)
    #expect(try await status(nil) == 401)
    #expect(try await status(first) == 200)

    try await use(first, controlPlane)
    let ann = try await kumactl(
      ["generate", "user-token", "--name", "ann", "--group", "team-a", "--valid-for", "1h"], home: home)
    #expect(try part(0, of: ann)["kid"]?.string == "1")
    #expect(try await status(ann) == 200)
    #expect(try await status(ann + "x") == 401)

    // A newer key signs; the old one still verifies.
    let key = try await kumactl(["generate", "signing-key"], home: home)
    try await apply("type: GlobalSecret\nname: user-token-signing-key-2\ndata: \(key)\n", home: home)
    let second = try await eventually("a token of the second key") { () -> String? in
      let token = try await kumactl(
        ["generate", "user-token", "--name", "ben", "--group", "mesh-system:admin", "--valid-for", "1h"], home: home)
      return try part(0, of: token)["kid"]?.string == "2" ? token : nil
    }
    #expect(try await status(first) == 200)
    #expect(try await status(ann) == 200)
    #expect(try await status(second) == 200)

    // The first key is deleted: what it signed does not count any more.
    try await use(second, controlPlane)
    _ = try await kumactl(["delete", "global-secret", "user-token-signing-key-1"], home: home)
    try await eventually("the refusal of tokens of the first key") {
      try await status(ann) == 401
    }
    #expect(try await status(first) == 401)
    #expect(try await status(second) == 200)

    // One token is revoked; another of the same key counts.
    let third = try await kumactl(
      ["generate", "user-token", "--name", "ann", "--group", "team-a", "--valid-for", "1h"], home: home)
    let id = try #require(try part(1, of: third)["jti"]?.string)
    let list = Base64.encode(Array("\(id)\n".utf8))
    #expect(try await status(third) == 200)
    try await apply("type: GlobalSecret\nname: user-token-revocations\ndata: \(list)\n", home: home)
    try await eventually("the refusal of the revoked token") {
      try await status(third) == 401
    }
    #expect(try await status(second) == 200)

    try await eventually("the reasons in the log") {
      let log = controlPlane.log.all.joined(separator: "\n")
      return log.contains("nothing was shown, and readResources is needed") && log.contains("KID")
        && log.contains("signature") && log.contains("is revoked")
    }
    let log = controlPlane.log.all.joined(separator: "\n")
    for token in [first, ann, second, third] { #expect(!log.contains(token)) }
  }

  private static func apply(_ yaml: String, home: URL) async throws {
    let file = home.appending(path: "secret.yaml")
    try Data(yaml.utf8).write(to: file)
    _ = try await kumactl(["apply", "-f", file.path(percentEncoded: false)], home: home)
  }
}
