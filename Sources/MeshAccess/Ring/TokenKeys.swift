import MeshModel

/// The signing keys and the revoked tokens of a mesh, or of users.
struct TokenKeys: Sendable {
  /// A key of a secret, in the two forms in which it is used.
  struct Stored: Sendable {
    let signing: SigningKey
    let verifying: VerifyingKey
  }

  /// The keys by their ids; `nil` for a secret that does not hold a usable key.
  var stored: [String: Stored?] = [:]
  /// The ids of revoked tokens.
  var revoked: Set<String> = []

  var isEmpty: Bool { stored.isEmpty && revoked.isEmpty }

  /// The usable key with the highest number. An id that is not a number counts as 0, as in Kuma.
  var newest: SigningKey? {
    stored.values.compactMap { $0?.signing }.max { (Int($0.id) ?? 0, $0.id) < (Int($1.id) ?? 0, $1.id) }
  }

  mutating func add(secret name: String, keyID: String, data: [UInt8]) -> KeyFault? {
    do throws(KeyFault) {
      let key = try SigningKey(id: keyID, data: data)
      stored[keyID] = .some(Stored(signing: key, verifying: key.verifying))
      return nil
    } catch {
      stored[keyID] = .some(nil)
      return KeyFault(description: "the secret \(name.quoted) cannot be used as a signing key: \(error)")
    }
  }

  /// Takes over a list of revoked tokens: ids, separated by commas, as in Kuma; or by line ends.
  mutating func setRevocations(_ data: [UInt8]) {
    revoked = Set(
      String(decoding: data, as: UTF8.self).split { $0 == "," || $0.isNewline }
        .map { $0.drop(while: \.isWhitespace) }
        .map { String($0.reversed().drop(while: \.isWhitespace).reversed()) }
        .filter { !$0.isEmpty })
  }
}
