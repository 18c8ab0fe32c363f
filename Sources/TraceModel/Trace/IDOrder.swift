/// The byte order of span ids.
///
/// Envoy's spans in Zipkin's protobuf have span and parent ids with reversed bytes, but correct trace ids. Other senders of
/// protobuf send all ids correctly. Spans do not say which order they use, so it is inferred from the ids: a root's id is the low
/// half of its trace id, and a parent id is the id of another span. A random match of two 64-bit ids, straight or reversed, has
/// a probability of 10⁻¹⁹. See docs/decisions/017-reversed-ids.md.
package enum IDOrder: Sendable {
  /// As Zipkin specifies: the most significant byte first.
  case straight
  case reversed

  /// What ids tell about their order.
  package struct Evidence: Sendable, Equatable {
    var isStraight = false
    var isReversed = false

    /// No evidence.
    package init() {}

    /// The order; `nil` without evidence, or with contradicting evidence.
    package var order: IDOrder? { isStraight == isReversed ? nil : isStraight ? .straight : .reversed }
    package var isContradictory: Bool { isStraight && isReversed }

    package mutating func add(_ other: Evidence) {
      isStraight = isStraight || other.isStraight
      isReversed = isReversed || other.isReversed
    }
  }

  /// The evidence from the ids of a span.
  ///
  /// - Parameter isKnown: whether an id is known in the span's trace, in the correct order.
  package static func evidence(_ span: SpanDraft, isKnown: (UInt64) -> Bool) -> Evidence {
    evidence(span.id, span.parentID, trace: span.traceID.low, isKnown)
  }

  fileprivate static func evidence(
    _ id: UInt64, _ parent: UInt64?, trace: UInt64, _ isKnown: (UInt64) -> Bool
  ) -> Evidence {
    var evidence = Evidence()
    func look(_ id: UInt64) {
      let swapped = id.byteSwapped
      guard id != 0, id != swapped else { return }
      if id == trace || isKnown(id) { evidence.isStraight = true }
      if swapped == trace || isKnown(swapped) { evidence.isReversed = true }
    }
    look(id)
    if let parent { look(parent) }
    return evidence
  }

  /// Corrects the ids of the spans of a trace where their order is unknown and other spans tell it. The time is linear in the
  /// number of spans.
  package static func settled<Member: TraceMember>(_ spans: [Member]) -> [Member] {
    guard spans.contains(where: \.hasDoubtfulIDs) else { return spans }
    var groups = DoubtfulGroups(spans)
    var spans = spans
    for index in spans.indices where spans[index].hasDoubtfulIDs {
      guard let order = groups.order(of: spans[index].id) else { continue }
      if order == .reversed { spans[index].reverseIDs() }
      spans[index].hasDoubtfulIDs = false
    }
    return spans
  }
}

/// A span id, or a parent id, known in a trace.
public struct KnownID: Hashable, Sendable {
  /// The low half of the trace's id.
  public let trace: UInt64
  /// The id.
  public let id: UInt64

  /// Creates a known id.
  public init(trace: UInt64, id: UInt64) {
    self.trace = trace
    self.id = id
  }
}

extension TraceMember {
  /// Reverses the bytes of the span's and the parent's id.
  package mutating func reverseIDs() {
    id = id.byteSwapped
    parentID = parentID.map(\.byteSwapped)
  }
}

/// The spans of a trace with ids of unknown order. Spans that refer to each other have the same order and form a group.
private struct DoubtfulGroups {
  /// The indices of ids, and for each index another member of its group, or itself (union-find).
  private var numbers: [UInt64: Int] = [:]
  private var groups: [Int] = []
  private var ids: [UInt64] = []
  /// The known orders of groups, by their representatives.
  private var orders: [Int: IDOrder] = [:]

  init(_ spans: [some TraceMember]) {
    var known: Set<UInt64> = []
    for span in spans {
      if span.hasDoubtfulIDs {
        let number = number(of: span.id)
        if let parent = span.parentID { join(number, self.number(of: parent)) }
      } else {
        known.insert(span.id)
        if let parent = span.parentID { known.insert(parent) }
      }
    }
    var evidence: [Int: IDOrder.Evidence] = [:]
    for span in spans where span.hasDoubtfulIDs {
      evidence[first(number(of: span.id)), default: .init()].add(
        IDOrder.evidence(span.id, span.parentID, trace: span.traceID.low, known.contains))
    }
    var members: [Int: [UInt64]] = [:]
    for (number, id) in ids.enumerated() { members[first(number), default: []].append(id) }
    // The ids of a decided group become known, which may decide the next group.
    var decided = evidence.compactMap { group, evidence in evidence.order.map { (group, $0) } }
    while let (group, order) = decided.popLast() {
      guard orders.updateValue(order, forKey: group) == nil else { continue }
      for id in members[group] ?? [] {
        let right = order == .straight ? id : id.byteSwapped
        guard right != right.byteSwapped else { continue }
        for (form, order) in [(right, IDOrder.straight), (right.byteSwapped, .reversed)] {
          guard let number = numbers[form] else { continue }
          let other = first(number)
          if orders[other] == nil, evidence[other]?.isContradictory != true { decided.append((other, order)) }
        }
      }
    }
  }

  /// The order of an id's group; `nil` if unknown.
  mutating func order(of id: UInt64) -> IDOrder? { numbers[id].flatMap { orders[first($0)] } }

  private mutating func number(of id: UInt64) -> Int {
    if let number = numbers[id] { return number }
    numbers[id] = ids.count
    groups.append(ids.count)
    ids.append(id)
    return ids.count - 1
  }

  private mutating func first(_ number: Int) -> Int {
    var number = number
    while groups[number] != number {
      groups[number] = groups[groups[number]]
      number = groups[number]
    }
    return number
  }

  private mutating func join(_ one: Int, _ other: Int) {
    let (one, other) = (first(one), first(other))
    groups[max(one, other)] = min(one, other)
  }
}
