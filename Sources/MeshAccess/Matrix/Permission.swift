/// What users and groups are given. The raw value is the key of the setting below `access.static`.
///
/// The first seven are Kuma's, with its keys. Kuma has no others: there everybody reads and writes policies.
package enum Permission: String, CaseIterable, Sendable {
  /// Reads and writes secrets.
  case adminResources
  /// Issues tokens for proxies.
  case generateDpToken
  /// Issues tokens for users.
  case generateUserToken
  /// Reads the configuration of a running Envoy.
  case viewConfigDump
  /// Reads the counters of a running Envoy.
  case viewStats
  /// Reads the clusters of a running Envoy.
  case viewClusters
  /// Reads the settings of the control plane.
  case controlPlaneMetadata
  /// Reads meshes, policies, proxies, and what is known of them.
  case readResources
  /// Writes meshes and Dataplanes. A mesh says where spans are sent.
  case writeResources
  /// Writes policies.
  case writePolicies
  /// Reads traces and what is computed from them.
  case readTraces
  /// Sends spans.
  case ingestSpans
  /// Reads metrics of the servers.
  case viewMetrics

  /// What somebody without the permission may not do; it ends the sentence `user "…" cannot access …`. The texts of Kuma's permissions
  /// are Kuma's, but for secrets, where Kuma names the type.
  package var action: String {
    switch self {
    case .adminResources: "secrets"
    case .generateDpToken: "generate dataplane token"
    case .generateUserToken: "generate user token"
    case .viewConfigDump, .viewStats, .viewClusters: "envoy proxy info"
    case .controlPlaneMetadata: "control plane metadata"
    case .readResources: "resources"
    case .writeResources: "changes of meshes and Dataplanes"
    case .writePolicies: "changes of policies"
    case .readTraces: "traces"
    case .ingestSpans: "the intake of spans"
    case .viewMetrics: "metrics"
    }
  }

  /// The groups that have the permission where no setting says otherwise.
  ///
  /// In Kuma, those who show nothing may also read what Envoys hold and the settings. Here they may not.
  package var defaultGroups: [String] {
    switch self {
    case .adminResources, .generateDpToken, .generateUserToken, .writeResources, .writePolicies: [User.adminGroup]
    case .ingestSpans: [User.adminGroup, User.ingestGroup]
    case .viewConfigDump, .viewStats, .viewClusters, .controlPlaneMetadata, .readResources, .readTraces, .viewMetrics:
      [User.authenticatedGroup]
    }
  }

  /// The users that have the permission where no setting says otherwise.
  package var defaultUsers: [String] {
    switch self {
    case .adminResources, .generateDpToken, .generateUserToken, .writeResources, .writePolicies, .ingestSpans:
      [User.admin.name]
    case .viewConfigDump, .viewStats, .viewClusters, .controlPlaneMetadata, .readResources, .readTraces, .viewMetrics:
      []
    }
  }
}
