public import MeshModel

/// Matching by the plain rules, as slow and as simple as can be: every policy is compared with every proxy. Indexed
/// matching is measured against it. Source of the rules: Kuma 2.7.
public struct PlainMatching: Sendable {
  /// A policy that matches a proxy, with its best selector.
  public struct Candidate: Sendable, Hashable {
    /// The policy's name.
    public var name: String
    /// Exact tags of the best selector.
    public var exact: Int
    /// Tags of the best selector whose value is a wildcard.
    public var wildcard: Int
    /// When the policy was created.
    public var creationTime: Timestamp

    /// Makes a candidate.
    public init(name: String, exact: Int, wildcard: Int, creationTime: Timestamp) {
      self.name = name
      self.exact = exact
      self.wildcard = wildcard
      self.creationTime = creationTime
    }
  }

  private let policies: [Resource]

  /// Takes the TrafficTrace resources of one mesh, in any order.
  public init(_ policies: [Resource]) { self.policies = policies.sorted { $0.name < $1.name } }

  /// The policy that applies to a proxy.
  public func winner(for proxy: Dataplane) -> String? { candidates(for: proxy).first?.name }

  /// Every policy that matches a proxy: the winner, then what would win without it, and so on.
  public func candidates(for proxy: Dataplane) -> [Candidate] {
    var rest = policies.compactMap { Self.candidate($0, for: proxy) }
    var result: [Candidate] = []
    while var best = rest.first {
      for other in rest.dropFirst() where Self.replaces(best, other) { best = other }
      result.append(best)
      rest.removeAll { $0.name == best.name }
    }
    return result
  }

  /// The backend to which a proxy's spans go; `nil` when it is not traced. Nothing is fallen back to.
  public func backend(for proxy: Dataplane, in mesh: Mesh?) -> TracingBackend? {
    guard let winner = winner(for: proxy),
      let policy = policies.first(where: { $0.name == winner })?.content(TrafficTrace.self)
    else { return nil }
    let name = policy.backend == "" ? mesh?.tracing?.defaultBackend : policy.backend
    return mesh?.tracing?.backends.first { $0.name == name }
  }

  /// Whether any selector of a policy matches a proxy.
  public static func matches(_ policy: Resource, _ proxy: Dataplane) -> Bool { candidate(policy, for: proxy) != nil }

  /// Whether a policy later in the alphabet is preferred to an earlier one.
  private static func replaces(_ best: Candidate, _ other: Candidate) -> Bool {
    let (total, otherTotal) = (best.exact + best.wildcard, other.exact + other.wildcard)
    if otherTotal != total { return otherTotal > total }
    if other.exact != best.exact { return other.exact > best.exact }
    return other.creationTime > best.creationTime
  }

  private static func candidate(_ policy: Resource, for proxy: Dataplane) -> Candidate? {
    guard let content = policy.content(TrafficTrace.self) else { return nil }
    // Without selectors a policy counts as one that asks for nothing.
    let selectors = content.selectors.isEmpty ? [[:]] : content.selectors.map(\.match)
    var best: Candidate?
    for selector in selectors where tagSets(of: proxy).contains(where: { matches(selector, $0) }) {
      let exact = selector.values.count { $0 != "*" }
      let candidate = Candidate(
        name: policy.name, exact: exact, wildcard: selector.count - exact,
        creationTime: policy.creationTime ?? Timestamp(seconds: 0))
      if best.map({ replaces($0, candidate) }) ?? true { best = candidate }
    }
    return best
  }

  private static func matches(_ selector: [String: String], _ tags: [String: String]) -> Bool {
    for (name, value) in selector {
      guard let given = tags[name], value == "*" || value == given else { return false }
    }
    return true
  }

  /// Tags of different inbounds are never combined. A gateway has one set.
  private static func tagSets(of proxy: Dataplane) -> [[String: String]] {
    proxy.networking?.gateway.map { [$0.tags] } ?? proxy.networking?.inbound.map(\.tags) ?? []
  }
}
