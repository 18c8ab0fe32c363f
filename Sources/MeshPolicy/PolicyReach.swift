package import MeshModel

/// What a policy does in its mesh.
package enum PolicyReach: Sendable {
  /// It applies to proxies.
  ///
  /// - Parameters:
  ///   - silent: how many of them leave no spans, since they see no HTTP.
  ///   - warnings: what keeps spans away although it applies.
  case applied(proxies: Int, silent: Int, warnings: [String])
  /// It matches proxies, and other policies apply to all of them.
  case overshadowed(matched: Int, winners: Set<String>)
  /// It matches no proxy.
  ///
  /// - Parameter proxies: all proxies of the mesh.
  case unmatched(proxies: [Dataplane])
  /// The mesh has no such policy.
  case unknown

  /// Why the policy does not do what its author expects; empty when it does.
  package func warnings(about policy: TrafficTrace, name: String, meshName: String) -> [String] {
    switch self {
    case .applied(_, _, let warnings): warnings
    case .overshadowed(let matched, let winners):
      PolicyWarnings.overshadowed(name: name, matched: matched, winners: winners)
    case .unmatched(let proxies):
      PolicyWarnings.unmatched(policy, name: name, meshName: meshName, proxies: proxies)
    case .unknown: []
    }
  }
}

extension MeshIndex {
  /// What a policy does. The sentences about a policy that matches nothing take long in a large mesh, so the caller computes
  /// them: ``PolicyReach/warnings(about:name:meshName:)``.
  package func reach(of name: String) -> PolicyReach {
    guard let policy = policy(name) else { return .unknown }
    let users = proxies(wonBy: name)
    guard users.isEmpty else {
      return .applied(
        proxies: users.count, silent: users.count { !hasHTTPListener($0) }, warnings: warnings(aboutPolicy: name))
    }
    let matched = proxies(matching: policy)
    guard matched.isEmpty else {
      return .overshadowed(matched: matched.count, winners: Set(matched.compactMap { winner(for: $0)?.name }))
    }
    return .unmatched(proxies: dataplaneNames.compactMap { dataplane($0) })
  }
}
