import Foundation
import MeshAccess
import MeshModel
import Testing

@testable import kuma_cp

@Suite("Settings of keys that verify tokens") struct TokenValidationSettingsTests {
  private static let dataplaneKeys = "KUMA_DP_SERVER_AUTHN_DP_PROXY_DP_TOKEN_VALIDATOR_PUBLIC_KEYS"
  private static let userKeys = "KUMA_API_SERVER_AUTHN_TOKENS_VALIDATOR_PUBLIC_KEYS"
  private static let made = Result { try SigningKey.generate(id: "ops") }
  private let key: SigningKey

  init() throws { key = try Self.made.get() }

  private func load(_ environment: [String: String], file: String? = nil) throws -> ControlPlaneConfiguration {
    try ControlPlaneConfiguration.load(file: file, environment: environment, flags: [:]).configuration
  }

  private func failure(_ environment: [String: String]) -> String {
    do {
      _ = try load(environment)
      return "nothing failed"
    } catch {
      return "\(error)"
    }
  }

  private func withFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
  }

  /// Whether tokens of the key count in a mesh, and for users.
  private func counts(_ configuration: ControlPlaneConfiguration, mesh: String) async throws -> (Bool, Bool) {
    let ring = KeyRing(configuration.tokenValidation)
    let token = try await key.sign(DataplaneClaims(mesh: mesh), validFor: .seconds(60), now: .now)
    let user = try await key.sign(User(name: "ann", groups: []), validFor: .seconds(60), now: .now)
    return (
      (try? ring.verifyDataplaneToken(token, mesh: mesh, now: .now).get()) != nil,
      (try? ring.verifyUserToken(user, now: .now).get()) != nil
    )
  }

  @Test("the file has a list of objects, with keys as text or in files") func file() async throws {
    try await withFolder { folder in
      let keyFile = folder.appending(path: "key.pem")
      try key.publicPEM.write(to: keyFile, atomically: true, encoding: .utf8)
      let lines = key.publicPEM.split(separator: "\n").map { "            \($0)" }.joined(separator: "\n")
      let file = folder.appending(path: "kuma-cp.yaml")
      try """
      dpServer:
        authn:
          dpProxy:
            dpToken:
              validator:
                useSecrets: false
                publicKeys:
                - {kid: ops, mesh: default, keyFile: "\(keyFile.path(percentEncoded: false))"}
      apiServer:
        authn:
          tokens:
            validator:
              publicKeys:
              - kid: ops
                key: |
      \(lines)
      """.write(to: file, atomically: true, encoding: .utf8)
      let configuration = try load([:], file: file.path(percentEncoded: false))
      #expect(try await counts(configuration, mesh: "default") == (true, true))
      #expect(try await counts(configuration, mesh: "other").0 == false)
      let shown = configuration.document["dpServer"]?["authn"]?["dpProxy"]?["dpToken"]?["validator"]?["publicKeys"]
      #expect(shown?.array?.first?["kid"]?.string == "ops")
    }
  }

  @Test("the variable has the list as JSON or YAML; a key without a mesh is for every mesh") func variable()
    async throws
  {
    let text = DocumentValue.array([["kid": "ops", "key": .string(key.publicPEM)]]).json()
    let configuration = try load([Self.dataplaneKeys: text])
    #expect(try await counts(configuration, mesh: "default") == (true, false))
    #expect(try await counts(configuration, mesh: "other") == (true, false))
    #expect(try await counts(load([Self.userKeys: text]), mesh: "default") == (false, true))
    #expect(try await counts(load([:]), mesh: "default") == (false, false))
    #expect(try await counts(load([Self.userKeys: "[]"]), mesh: "default") == (false, false))
  }

  @Test("secrets count unless the settings say otherwise") func secrets() async throws {
    let data = Array(key.privatePEM.utf8)
    let token = try await key.sign(DataplaneClaims(mesh: "default"), validFor: .seconds(60), now: .now)
    for (value, isAccepted) in [("true", true), ("false", false)] {
      let configuration = try load(["KUMA_DP_SERVER_AUTHN_DP_PROXY_DP_TOKEN_VALIDATOR_USE_SECRETS": value])
      var ring = KeyRing(configuration.tokenValidation)
      ring.add(
        secret: SecretName.dataplaneTokenSigningKey(mesh: "default", "ops"), mesh: "default", data: data)
      #expect(((try? ring.verifyDataplaneToken(token, mesh: "default", now: .now).get()) != nil) == isAccepted)
    }
  }

  @Test("what is wrong with a key is told with its place and what to do")
  func faults() {
    func expect(_ text: String, _ message: String, in variable: String = Self.dataplaneKeys) {
      let failure = self.failure([variable: text])
      #expect(failure.contains(message), "\(failure)")
    }
    expect("key", "\"publicKeys\" has to be a list of objects with kid and key or keyFile")
    expect("[1]", "\"publicKeys[0]\" is not an object with kid and key or keyFile")
    expect("[{key: x}]", "\(Self.dataplaneKeys): \"publicKeys[0]\" has no kid")
    expect("[{kid: a, key: x}, {kid: b}]", "\"publicKeys[1]\" has neither key nor keyFile; give one of them")
    expect("[{kid: a, key: x, keyFile: y}]", "\"publicKeys[0]\" has both key and keyFile; give one of them")
    expect(
      "[{kid: a, key: x, mesh: y}]", "has the unknown key \"mesh\"; known are kid, key, keyFile", in: Self.userKeys)
    expect("[{kid: a, key: x, mash: y}]", "has the unknown key \"mash\"; known are kid, mesh, key, keyFile")
    expect(
      "[{kid: a, mesh: m, key: x}]",
      "publicKeys: the key with kid \"a\" of mesh \"m\" cannot be used: it is not an RSA public key")
    expect("[{kid: a, keyFile: /nowhere/key.pem}]", "its file cannot be read: open /nowhere/key.pem: no such file")
    let pem = DocumentValue.string(key.publicPEM).json()
    expect(
      "[{kid: a, key: \(pem)}, {kid: a, key: \(pem)}]",
      "there are two keys with the kid a; give each key a kid of its own")
    let secret = DocumentValue.string(key.privatePEM).json()
    let failure = self.failure([Self.userKeys: "[{kid: a, key: \(secret)}]"])
    #expect(failure.contains("it is a private key; write the public key"), "\(failure)")
    #expect(!failure.contains("BEGIN"))
  }
}
