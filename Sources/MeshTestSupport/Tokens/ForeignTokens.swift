import Foundation
package import MeshAccess
package import MeshModel

/// Tokens and keys that other software made: `Tests/MeshAccessTests/Fixtures/make-tokens.py`.
package struct ForeignTokens: Sendable {
  /// The clock of the tokens.
  package static let now = Timestamp(seconds: 1_893_456_000)
  package static let shared = ForeignTokens()

  private let tokens: [String: String]
  private let keys: [String: [String: String]]

  private init() {
    tokens = Self.read("tokens.json", as: [String: String].self) ?? [:]
    keys = Self.read("keys.json", as: [String: [String: String]].self) ?? [:]
  }

  private static func read<Value: Decodable>(_ name: String, as type: Value.Type) -> Value? {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let file = root.appending(path: "Tests/MeshAccessTests/Fixtures/\(name)")
    return try? JSONDecoder().decode(type, from: Data(contentsOf: file))
  }

  /// The names of all tokens.
  package var names: [String] { tokens.keys.sorted() }

  /// A token; text that is no token if there is none of the name, so that a test fails.
  package func token(_ name: String) -> String { tokens[name] ?? "there is no token \(name)" }

  /// A key in one of its forms: `private`, `public` (PKCS #1), `spki`.
  package func key(_ name: String, _ form: String = "private") -> [UInt8] { Array((keys[name]?[form] ?? "").utf8) }

  /// A ring with the keys of the meshes `default` and `other`, of users, and a list of revoked tokens.
  package var ring: KeyRing {
    var ring = KeyRing()
    ring.add(secret: "dataplane-token-signing-key-default-1", mesh: "default", data: key("dataplane-1"))
    ring.add(secret: "dataplane-token-signing-key-default-2", mesh: "default", data: key("dataplane-2"))
    ring.add(secret: "dataplane-token-signing-key-other-1", mesh: "other", data: key("other-mesh-1"))
    ring.add(secret: "user-token-signing-key-1", mesh: "", data: key("user-1"))
    ring.add(
      secret: "dataplane-token-revocations-default", mesh: "default", data: Array("x,b3b2a1f0-revoked\n".utf8))
    return ring
  }

  /// Whether a token is shown where users show theirs; the others are shown by proxies.
  package static func isShownByUser(_ name: String) -> Bool {
    name.contains("user") && name != "user token as dataplane" || name == "groups are text"
  }

  /// What becomes of a token: nothing if it is accepted.
  package func refusal(_ name: String, mesh: String = "default", in ring: KeyRing? = nil) -> TokenRefusal? {
    let ring = ring ?? self.ring
    let text = token(name)
    let result =
      Self.isShownByUser(name)
      ? ring.verifyUserToken(text, now: Self.now).map { _ in }
      : ring.verifyDataplaneToken(text, mesh: mesh, now: Self.now).map { _ in }
    guard case .failure(let refusal) = result else { return nil }
    return refusal
  }
}
