package import Documents
package import MeshModel

/// What a dataplane token lets a proxy be. A field that is empty constrains nothing. Source: Kuma 2.7, `DataplaneClaims`.
package struct DataplaneClaims: Sendable, Hashable {
  /// The name that the Dataplane must have.
  package var name: String
  /// The mesh that the Dataplane must belong to.
  package var mesh: String
  /// The values that the Dataplane's tags may have. The Dataplane must have each of these tags.
  package var tags: [String: Set<String>]
  /// The kind of proxy: `dataplane`, `ingress`, `egress`.
  package var proxyType: String

  package init(name: String = "", mesh: String, tags: [String: Set<String>] = [:], proxyType: String = "") {
    self.name = name
    self.mesh = mesh
    self.tags = tags
    self.proxyType = proxyType
  }

  /// The kinds of proxies that Kuma knows.
  package static let proxyTypes = ["dataplane", "ingress", "egress"]

  /// Why a proxy with these claims may not be this Dataplane; `nil` if it may. The texts are Kuma's.
  package func refusal(of dataplane: Resource) -> TokenRefusal? {
    if !proxyType.isEmpty, proxyType != "dataplane" { return .wrongType(proxyType) }
    if !name.isEmpty, name != dataplane.name { return .wrongName(requested: dataplane.name, allowed: name) }
    if !mesh.isEmpty, mesh != dataplane.mesh { return .wrongMesh(requested: dataplane.mesh, allowed: mesh) }
    guard !tags.isEmpty else { return nil }
    guard let networking = dataplane.content(Dataplane.self)?.networking else {
      return tags.keys.min().map { .missingTag($0) }
    }
    let sets = networking.inbound.map(\.tags) + (networking.gateway.map { [$0.tags] } ?? [])
    for (tag, allowed) in tags.sorted(by: { $0.key < $1.key }) {
      let values = Set(sets.compactMap { $0[tag] })
      if values.isEmpty { return .missingTag(tag) }
      if let value = values.subtracting(allowed).min() {
        return .wrongTag(tag, value: value, allowed: allowed.sorted())
      }
    }
    return nil
  }
}

/// A dataplane token whose signature, dates and revocation were checked.
package struct DataplaneToken: Sendable, Hashable {
  /// What it allows.
  package let claims: DataplaneClaims
  /// The mesh whose keys verified it.
  package let mesh: String
  /// What all tokens have.
  package let stamp: TokenStamp
}

/// A user token whose signature, dates and revocation were checked.
package struct UserToken: Sendable, Hashable {
  /// Who shows it. The groups include ``User/authenticatedGroup``.
  package let user: User
  /// What all tokens have.
  package let stamp: TokenStamp
}

/// What all tokens have.
package struct TokenStamp: Sendable, Hashable {
  /// The token's id (`jti`), by which it can be revoked; empty if it has none.
  package let id: String
  /// The id of the key that signed it (`kid`).
  package let keyID: String
  /// Which key that was; a key that takes its place under the same id has another.
  package let key: KeyFingerprint
  /// When it was issued.
  package let issued: Timestamp
  /// Before this time the token is not valid.
  package let notBefore: Timestamp
  /// From this time on the token is not valid.
  package let expires: Timestamp
}
