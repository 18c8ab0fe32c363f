/// What the settings say about keys that verify tokens.
package struct TokenValidation: Sendable {
  /// The public keys for dataplane tokens, by mesh; those under an empty name are for every mesh.
  private var dataplane: [String: [String: VerifyingKey]] = [:]
  private var user: [String: VerifyingKey] = [:]
  private let usesDataplaneSecrets: Bool
  private let usesUserSecrets: Bool

  /// Makes the validation.
  ///
  /// - Parameters:
  ///   - dataplaneSecrets: whether the signing keys in Secrets verify dataplane tokens (`validator.useSecrets`).
  ///   - userSecrets: whether the signing keys in GlobalSecrets verify user tokens.
  package init(dataplaneSecrets: Bool = true, userSecrets: Bool = true) {
    usesDataplaneSecrets = dataplaneSecrets
    usesUserSecrets = userSecrets
  }

  /// Adds a public key for dataplane tokens.
  ///
  /// - Parameter mesh: the mesh; empty for all meshes.
  /// - Throws: ``KeyFault`` if there is a key with the same id already: it would be unclear which of them counts.
  package mutating func add(dataplaneKey key: VerifyingKey, mesh: String) throws(KeyFault) {
    guard dataplane[mesh]?[key.id] == nil else { throw Self.duplicate(key.id) }
    dataplane[mesh, default: [:]][key.id] = key
  }

  /// Adds a public key for user tokens.
  ///
  /// - Throws: ``KeyFault`` if there is a key with the same id already.
  package mutating func add(userKey key: VerifyingKey) throws(KeyFault) {
    guard user[key.id] == nil else { throw Self.duplicate(key.id) }
    user[key.id] = key
  }

  private static func duplicate(_ id: String) -> KeyFault {
    KeyFault(description: "there are two keys with the kid \(id); give each key a kid of its own")
  }

  func publicKey(_ id: String, mesh: String) -> VerifyingKey? {
    mesh.isEmpty ? user[id] : dataplane[mesh]?[id] ?? dataplane[""]?[id]
  }

  func usesSecrets(mesh: String) -> Bool { mesh.isEmpty ? usesUserSecrets : usesDataplaneSecrets }
}
