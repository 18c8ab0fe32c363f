import Dispatch
import Documents
import MeshAccess
import MeshModel

/// Which keys and tokens a control plane makes where they are missing, without being asked for a token.
struct AccessKeyPlan: Sendable {
  /// Whether there has to be a token of the administrator, and the key that signs it.
  var makesAdminToken = true
  /// Whether each mesh has to have a token for sending spans.
  var makesIngestTokens = true
  /// Whether each mesh has to have a key that signs tokens of its proxies.
  var makesDataplaneKeys = true

  /// What is missing, the most urgent first.
  func missing(keys: KeyRing, meshes: Set<String>, hasAdminToken: Bool) -> [MissingKey] {
    var missing: [MissingKey] = []
    let meshes = meshes.sorted()
    if makesIngestTokens {
      missing += meshes.filter { keys.newestIngestToken(mesh: $0) == nil }.map { .ingestToken(mesh: $0) }
    }
    if makesAdminToken, !hasAdminToken {
      missing.append(keys.newestSigningKey(mesh: "") == nil ? .userKey : .adminToken)
    }
    if makesDataplaneKeys {
      missing += meshes.filter { keys.newestSigningKey(mesh: $0) == nil }.map { .dataplaneKey(mesh: $0) }
    }
    return missing
  }
}

/// A key or token that has to be made.
enum MissingKey: Sendable, Hashable {
  /// The key that signs user tokens.
  case userKey
  /// The token of the administrator.
  case adminToken
  /// The token by which spans of a mesh are accepted.
  case ingestToken(mesh: String)
  /// The key that signs tokens of the mesh's proxies.
  case dataplaneKey(mesh: String)

  /// The secret that holds it.
  var key: ResourceKey {
    switch self {
    case .userKey: ResourceKey(type: .globalSecret, name: SecretName.userTokenSigningKey(SecretName.firstKeyID))
    case .adminToken: .adminToken
    case .ingestToken(let mesh): ResourceKey(type: .secret, mesh: mesh, name: SecretName.ingestToken(mesh: mesh, 1))
    case .dataplaneKey(let mesh):
      ResourceKey(
        type: .secret, mesh: mesh, name: SecretName.dataplaneTokenSigningKey(mesh: mesh, SecretName.firstKeyID))
    }
  }

  /// The secret with its data.
  func resource(_ data: [UInt8]) -> Resource {
    switch self {
    case .userKey, .adminToken: .globalSecret(name: key.name, data: data)
    case .ingestToken, .dataplaneKey: .secret(mesh: key.mesh, name: key.name, data: data)
    }
  }

  /// How long the token of the administrator is valid. Source: Kuma 2.7.
  private static let tenYears = Duration.seconds(10 * 365 * 24 * 3600)

  /// Makes it.
  ///
  /// - Parameter keys: the keys that there are.
  func data(keys: KeyRing) async throws -> [UInt8] {
    switch self {
    case .userKey, .dataplaneKey:
      return Array(try await Self.generateKey().privatePEM.utf8)
    case .adminToken:
      guard let key = keys.newestSigningKey(mesh: "") else {
        throw TokenIssueError.noSigningKey(
          secret: SecretName.userTokenSigningKey(SecretName.firstKeyID), mesh: "")
      }
      let admin = User(name: User.admin.name, groups: [User.adminGroup])
      return Array(try await key.sign(admin, validFor: Self.tenYears, now: .now).utf8)
    case .ingestToken:
      return Array(IngestToken.generate().utf8)
    }
  }

  /// On a thread of its own, since it takes a tenth of a second of a processor.
  private static func generateKey() async throws -> SigningKey {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global(qos: .utility).async {
        continuation.resume(with: Result { try SigningKey.generate(id: SecretName.firstKeyID) })
      }
    }
  }
}

extension ResourceKey {
  /// The secret with the token of the administrator.
  static let adminToken = ResourceKey(type: .globalSecret, name: SecretName.adminUserToken)
}
