/// The Secrets by which a control plane decides who gets in. No backend may send them anywhere.
package enum ReservedSecrets {
  /// What their names begin with. Source: Kuma 2.7, and this project's ingest tokens.
  private static let prefixes = [
    "dataplane-token-", "user-token-", "trace-ingest-token-", "admin-user-token", "control-plane-", "zone-token-",
  ]
  /// The keys of authorities that Kuma makes for a mesh: `default.ca-builtin-key-ca-1`.
  private static let part = ".ca-builtin-key-"

  /// Whether a Secret of the name is reserved.
  package static func contains(_ name: String) -> Bool {
    prefixes.contains { name.hasPrefix($0) } || name.contains(part)
  }
}
