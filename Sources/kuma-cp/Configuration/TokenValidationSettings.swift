import MeshAccess
import MeshModel
import OrderedCollections
import ProgramSettings
import SystemErrors

/// Which keys verify tokens.
struct TokenValidationSettings: SettingGroup {
  let dataplaneSecrets = Setting(
    "dpServer.authn.dpProxy.dpToken.validator.useSecrets", .truth, default: "true",
    "Whether the signing keys in Secrets of a mesh verify dataplane tokens; false where only publicKeys do.")
  let dataplaneKeys = Setting(
    "dpServer.authn.dpProxy.dpToken.validator.publicKeys", .publicKeys(areForMeshes: true), default: "",
    "Public keys that verify dataplane tokens: a list of objects with kid, mesh (every mesh when there is none), and key (PEM) or "
      + "keyFile. In the variable: YAML or JSON.")
  let userSecrets = Setting(
    "apiServer.authn.tokens.validator.useSecrets", .truth, default: "true",
    "Whether the signing keys in GlobalSecrets verify user tokens; false where only publicKeys do.")
  let userKeys = Setting(
    "apiServer.authn.tokens.validator.publicKeys", .publicKeys(areForMeshes: false), default: "",
    "Public keys that verify user tokens: a list of objects with kid, and key (PEM) or keyFile. In the variable: YAML or JSON."
  )
}

/// A public key of the settings. Source of the fields: Kuma 2.7.
struct PublicKeySetting: Sendable, Hashable {
  /// Where the key is.
  enum Source: Sendable, Hashable {
    case text(String)
    case file(String)
  }

  var kid: String
  var mesh: String
  var source: Source
}

extension SettingFormat<[PublicKeySetting]> {
  /// A list of public keys.
  ///
  /// - Parameter areForMeshes: whether a key may have a mesh.
  static func publicKeys(areForMeshes: Bool) -> Self {
    Self(fileForm: .objects) { text throws(SettingFault) in
      let documents: [DocumentValue]
      do {
        documents = try DocumentValue.yamlDocuments(text).filter { $0 != .null }
      } catch {
        throw SettingFault("publicKeys", "is not valid YAML: \(error)")
      }
      guard let document = documents.first else { return [] }
      guard let items = document.array, documents.count == 1 else {
        throw SettingFault("publicKeys", "has to be a list of objects with kid and key or keyFile")
      }
      var keys: [PublicKeySetting] = []
      for (index, item) in items.enumerated() {
        keys.append(try key(item, "publicKeys[\(index)]", areForMeshes: areForMeshes))
      }
      return keys
    }
  }

  private static func key(
    _ item: DocumentValue, _ place: String, areForMeshes: Bool
  ) throws(SettingFault) -> PublicKeySetting {
    let known = areForMeshes ? ["kid", "mesh", "key", "keyFile"] : ["kid", "key", "keyFile"]
    guard let object = item.object else { throw SettingFault(place, "is not an object with kid and key or keyFile") }
    if let other = object.keys.first(where: { !known.contains($0) }) {
      throw SettingFault(place, "has the unknown key \(other.quoted); known are \(known.joined(separator: ", "))")
    }
    func text(_ name: String) -> String { object[name]?.scalarText ?? "" }
    guard !text("kid").isEmpty else { throw SettingFault(place, "has no kid; give the id of the key that signs") }
    let source: PublicKeySetting.Source
    switch (text("key"), text("keyFile")) {
    case ("", ""): throw SettingFault(place, "has neither key nor keyFile; give one of them")
    case (let key, ""): source = .text(key)
    case ("", let file): source = .file(file)
    default: throw SettingFault(place, "has both key and keyFile; give one of them")
    }
    return PublicKeySetting(kid: text("kid"), mesh: text("mesh"), source: source)
  }
}

extension SettingValues<TokenValidationSettings> {
  /// The keys, read from their files.
  ///
  /// - Throws: ``SettingFailure`` for a file that cannot be read, for what is not a public key, and for two keys with one id.
  func validation() throws(SettingFailure) -> TokenValidation {
    var validation = TokenValidation(
      dataplaneSecrets: self.dataplaneSecrets, userSecrets: self.userSecrets)
    for key in self.dataplaneKeys {
      do throws(KeyFault) {
        try validation.add(dataplaneKey: try Self.key(key), mesh: key.mesh)
      } catch {
        throw Self.failure(TokenValidationSettings.key(\.dataplaneKeys), key, error)
      }
    }
    for key in self.userKeys {
      do throws(KeyFault) {
        try validation.add(userKey: try Self.key(key))
      } catch {
        throw Self.failure(TokenValidationSettings.key(\.userKeys), key, error)
      }
    }
    return validation
  }

  private static func key(_ key: PublicKeySetting) throws(KeyFault) -> VerifyingKey {
    switch key.source {
    case .text(let text): return try VerifyingKey(id: key.kid, publicPEM: text)
    case .file(let path):
      switch FileAccess.read(path, limit: 1 << 20) {
      case .success(let bytes):
        return try VerifyingKey(id: key.kid, publicPEM: String(decoding: bytes, as: UTF8.self))
      case .failure(let failure): throw KeyFault(description: "its file cannot be read: \(failure)")
      }
    }
  }

  private static func failure(_ setting: String, _ key: PublicKeySetting, _ fault: KeyFault) -> SettingFailure {
    let mesh = key.mesh.isEmpty ? "" : " of mesh \(key.mesh.quoted)"
    return SettingFailure("\(setting): the key with kid \(key.kid.quoted)\(mesh) cannot be used: \(fault)")
  }
}
