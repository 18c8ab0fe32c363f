/// Tells whether the ids of spans came with their bytes in the right order.
///
/// Envoy's spans in Zipkin's protobuf have span and parent ids with their bytes reversed, the trace's id is right; other
/// senders of protobuf do it rightly. No sender says which it does, and so the ids themselves have to: the root's id is the
/// low half of its trace's id, and a parent is the id of a span that is known. Two ids of 64 bits that are the same, or the
/// same in reverse, are so by chance in none of 10¹⁹ cases. See docs/decisions/017-reversed-ids.md.
package enum IDOrder: Sendable {
  /// As Zipkin wants it, the most significant byte first.
  case straight
  case reversed

  /// What some ids say; nil if nothing.
  package struct Evidence: Sendable, Equatable {
    var isStraight = false
    var isReversed = false

    /// Of no id.
    package init() {}

    /// What they say together; nil if nothing, or both.
    package var order: IDOrder? { isStraight == isReversed ? nil : isStraight ? .straight : .reversed }
    package var isContradictory: Bool { isStraight && isReversed }

    package mutating func add(_ other: Evidence) {
      isStraight = isStraight || other.isStraight
      isReversed = isReversed || other.isReversed
    }
  }

  /// What the ids of a span say.
  ///
  /// - Parameter isKnown: whether an id is known to be one of the span's trace, in the right order.
  package static func evidence(_ span: Span, isKnown: (UInt64) -> Bool) -> Evidence { evidence(of: span, isKnown) }

  fileprivate static func evidence(of span: some TraceMember, _ isKnown: (UInt64) -> Bool) -> Evidence {
    var evidence = Evidence()
    for id in [span.id, span.parentID ?? 0] where id != 0 && id != id.byteSwapped {
      if id == span.traceID.low || isKnown(id) { evidence.isStraight = true }
      if id.byteSwapped == span.traceID.low || isKnown(id.byteSwapped) { evidence.isReversed = true }
    }
    return evidence
  }

  /// Puts the ids of the spans of a trace into the right order where they are in doubt and the other spans tell. The time
  /// it takes grows with the number of spans, whatever they are.
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

/// An id that a span of a trace has, or names as its parent's.
public struct KnownID: Hashable, Sendable {
  /// The low half of the trace's id.
  public let trace: UInt64
  /// The id.
  public let id: UInt64

  /// Makes the id of a trace's span.
  public init(trace: UInt64, id: UInt64) {
    self.trace = trace
    self.id = id
  }
}

extension TraceMember {
  /// Reverses the bytes of its id and its parent's.
  package mutating func reverseIDs() {
    id = id.byteSwapped
    parentID = parentID.map(\.byteSwapped)
  }
}

/// The spans of a trace whose ids are in doubt. Those that name each other have their ids in one order.
private struct DoubtfulGroups {
  /// The numbers of ids, and for each number another one of its group, or itself.
  private var numbers: [UInt64: Int] = [:]
  private var groups: [Int] = []
  private var ids: [UInt64] = []
  /// What is known of groups, by their first numbers.
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
      evidence[first(number(of: span.id)), default: .init()].add(IDOrder.evidence(of: span, known.contains))
    }
    var members: [Int: [UInt64]] = [:]
    for (number, id) in ids.enumerated() { members[first(number), default: []].append(id) }
    // A group that is decided makes its ids known, which may decide the next one.
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

  /// The order of a group's ids; nil if it is not known.
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
