public import MeshModel

/// The TrafficTrace policies of one mesh, indexed so that finding a proxy's winner does not scan every policy.
///
/// Each selector is filed under one of its tags, its anchor: an exact one where it has one. A proxy's tags lead to the
/// selectors anchored at them, best first, and the search ends where no better rank can follow.
public struct PolicyIndex: Sendable {
  private struct Entry {
    var precedence: PolicyPrecedence
    var terms: [TagTerm]
  }

  private struct Policy {
    var content: TrafficTrace
    var creationTime: Timestamp
    var anchors: [TagTerm]
  }

  private var interner = TagInterner()
  private var policies: [String: Policy] = [:]
  /// Selectors by anchor, the winning ones first.
  private var selectors: [TagTerm: [Entry]] = [:]
  /// Selectors without tags, which match every inbound. They cannot pass validation, but a store may hold them.
  private var unconditional: [Entry] = []

  /// An empty index.
  public init() {}

  /// How many policies there are.
  public var count: Int { policies.count }

  /// The names of the policies.
  public var names: some Collection<String> { policies.keys }

  /// A policy by name.
  public func policy(_ name: String) -> TrafficTrace? { policies[name]?.content }

  /// Whether a policy is there as it is given.
  func holds(_ name: String, _ content: TrafficTrace, creationTime: Timestamp) -> Bool {
    guard let policy = policies[name] else { return false }
    return policy.content == content && policy.creationTime == creationTime
  }

  /// Adds a policy or replaces the one of the same name.
  public mutating func insert(_ name: String, _ content: TrafficTrace, creationTime: Timestamp) {
    remove(name)
    var anchors: [TagTerm] = []
    for selector in content.effectiveSelectors {
      let entry = Entry(
        precedence: PolicyPrecedence(
          rank: SelectorRank(selector), creationTime: creationTime, name: name),
        terms: selector.match.map { name, value in
          TagTerm(
            name: interner.intern(name),
            value: value == TrafficTrace.wildcard ? TagInterner.anyValue : interner.intern(value))
        })
      guard let anchor = entry.terms.max(by: { anchorQuality($0) < anchorQuality($1) }) else {
        Self.file(entry, into: &unconditional)
        continue
      }
      Self.file(entry, into: &selectors[anchor, default: []])
      anchors.append(anchor)
    }
    policies[name] = Policy(content: content, creationTime: creationTime, anchors: anchors)
  }

  /// Removes a policy, if it exists.
  public mutating func remove(_ name: String) {
    guard let policy = policies.removeValue(forKey: name) else { return }
    unconditional.removeAll { $0.precedence.name == name }
    for anchor in Set(policy.anchors) {
      selectors[anchor]?.removeAll { $0.precedence.name == name }
      if selectors[anchor]?.isEmpty == true { selectors[anchor] = nil }
    }
  }

  /// An exact tag under which few selectors are filed is the best anchor, a wildcard the worst.
  private func anchorQuality(_ term: TagTerm) -> Int {
    let filed = selectors[term]?.count ?? 0
    return term.value == TagInterner.anyValue ? -(filed + 1_000_000_000) : -filed
  }

  private static func file(_ entry: Entry, into list: inout [Entry]) {
    var low = 0
    var high = list.count
    while low < high {
      let middle = (low + high) / 2
      if list[middle].precedence < entry.precedence { high = middle } else { low = middle + 1 }
    }
    list.insert(entry, at: low)
  }

  /// The policy that applies to a proxy, with what made it win; `nil` when none matches.
  ///
  /// - Parameter tagSets: the tags of each inbound, or of the gateway. A selector has to match one set wholly.
  public func winner(for tagSets: [[String: String]]) -> PolicyPrecedence? {
    var best = tagSets.isEmpty ? nil : unconditional.first?.precedence
    for tags in tagSets {
      let known = numbers(of: tags)
      for (name, value) in known {
        for anchor in [TagTerm(name: name, value: value), TagTerm(name: name, value: TagInterner.anyValue)] {
          for entry in selectors[anchor] ?? [] {
            if let best, !(best < entry.precedence) { break }
            if Self.matches(entry.terms, known) {
              best = entry.precedence
              break
            }
          }
        }
      }
    }
    return best
  }

  /// Every policy that matches a proxy, each with its best selector's precedence, the winner first.
  public func candidates(for tagSets: [[String: String]]) -> [PolicyPrecedence] {
    var best: [String: PolicyPrecedence] = [:]
    func consider(_ entry: Entry) {
      let name = entry.precedence.name
      if let current = best[name], !(current < entry.precedence) { return }
      best[name] = entry.precedence
    }
    if !tagSets.isEmpty { unconditional.forEach(consider) }
    for tags in tagSets {
      let known = numbers(of: tags)
      for (name, value) in known {
        for anchor in [TagTerm(name: name, value: value), TagTerm(name: name, value: TagInterner.anyValue)] {
          for entry in selectors[anchor] ?? [] where Self.matches(entry.terms, known) { consider(entry) }
        }
      }
    }
    return best.values.sorted { $1 < $0 }
  }

  /// The tags whose names some policy selects, as numbers. A value that no policy names can still match a wildcard.
  private func numbers(of tags: [String: String]) -> [UInt32: UInt32] {
    var known: [UInt32: UInt32] = [:]
    for (name, value) in tags {
      guard let number = interner.number(of: name) else { continue }
      known[number] = interner.number(of: value) ?? UInt32.max
    }
    return known
  }

  private static func matches(_ terms: [TagTerm], _ tags: [UInt32: UInt32]) -> Bool {
    terms.allSatisfy { term in
      guard let value = tags[term.name] else { return false }
      return term.value == TagInterner.anyValue || term.value == value
    }
  }
}

extension TrafficTrace.Selector {
  /// Whether the tags of one inbound or gateway have everything that the selector asks for.
  public func matches(_ tags: [String: String]) -> Bool {
    match.allSatisfy { name, value in
      guard let given = tags[name] else { return false }
      return value == TrafficTrace.wildcard || value == given
    }
  }
}

extension TrafficTrace {
  /// The selectors. A policy without selectors cannot pass validation, but a store may hold one: it gets a selector that
  /// matches everything at the lowest rank. Source: Kuma 2.7.
  var effectiveSelectors: [Selector] { selectors.isEmpty ? [Selector(match: [:])] : selectors }
}
