import MeshAccess

/// The token of the collector's canary: made at the start, known to this process alone, and never written anywhere.
struct CanaryToken: Sendable {
  /// Who shows it: somebody who may send spans and read traces, whoever else may.
  static let user = User(name: "mesh-system:canary", groups: [])

  /// What is sent as `Authorization: Bearer`.
  let text = IngestToken.generate()
  /// Compares hashes, so that the time of a comparison says nothing.
  private let keys: KeyRing

  init() {
    var keys = KeyRing()
    keys.add(ingestToken: text, mesh: Self.user.name, source: "the canary")
    self.keys = keys
  }

  /// The user that a token stands for; `nil` if it is not this one.
  func user(of token: String) -> User? { keys.verifyIngestToken(token) == nil ? nil : Self.user }
}
