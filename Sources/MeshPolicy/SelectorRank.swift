public import MeshModel

/// How specific a selector is: first by the number of its tags, then by how many of them are exact.
///
/// Two wildcards therefore outrank one exact tag. Source: Kuma 2.7.
public struct SelectorRank: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// Tags with a value.
  public var exact: Int
  /// Tags with the value `*`.
  public var wildcard: Int

  /// Makes a rank.
  public init(exact: Int, wildcard: Int) {
    self.exact = exact
    self.wildcard = wildcard
  }

  /// The rank of a selector.
  public init(_ selector: TrafficTrace.Selector) {
    let wildcard = selector.match.values.count { $0 == TrafficTrace.wildcard }
    self.init(exact: selector.match.count - wildcard, wildcard: wildcard)
  }

  /// Whether the second rank wins over the first.
  public static func < (a: SelectorRank, b: SelectorRank) -> Bool {
    (a.exact + a.wildcard, a.exact) < (b.exact + b.wildcard, b.exact)
  }

  /// The rank in words.
  public var description: String { "\(exact) exact, \(wildcard) wildcard" }
}

/// The order of policies that match one proxy: rank, then later creation, then name.
public struct PolicyPrecedence: Sendable, Hashable, Comparable {
  /// The rank of the policy's best selector that matches.
  public var rank: SelectorRank
  /// When the policy was created; the later one wins among equal ranks.
  public var creationTime: Timestamp
  /// The policy's name; the alphabetically first wins among equal times.
  public var name: String

  /// Makes a precedence.
  public init(rank: SelectorRank, creationTime: Timestamp, name: String) {
    self.rank = rank
    self.creationTime = creationTime
    self.name = name
  }

  /// Whether the second policy wins over the first.
  public static func < (a: PolicyPrecedence, b: PolicyPrecedence) -> Bool {
    if a.rank != b.rank { return a.rank < b.rank }
    if a.creationTime != b.creationTime { return a.creationTime < b.creationTime }
    return a.name > b.name
  }
}
