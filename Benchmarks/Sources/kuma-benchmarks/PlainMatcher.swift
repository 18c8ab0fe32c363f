import MeshModel
import MeshPolicy

/// Matching with no index: every selector of every policy is compared with every inbound.
struct PlainMatcher {
  /// The policies of a mesh by name, with their creation times.
  let policies: [(name: String, content: TrafficTrace, creationTime: Timestamp)]

  /// The policy that applies to a proxy.
  func winner(for proxy: Dataplane) -> String? {
    let tagSets = proxy.tagSets
    var best: PolicyPrecedence?
    for policy in policies {
      for selector in policy.content.selectors where tagSets.contains(where: selector.matches) {
        let precedence = PolicyPrecedence(
          rank: SelectorRank(selector), creationTime: policy.creationTime, name: policy.name)
        if best.map({ $0 < precedence }) ?? true { best = precedence }
      }
    }
    return best?.name
  }
}
