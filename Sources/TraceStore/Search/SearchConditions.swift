import TraceModel

/// What a query wants of a trace, as far as terms say it. A trace that fits has of each condition one term at least, among
/// the spans of the service if one is wanted; a trace that has them need not fit.
struct SearchConditions {
  /// The service whose spans count, by its ``TextHash``; nil for all.
  let service: UInt64?
  /// Of each condition the terms.
  let conditions: [[UInt32]]
  /// The condition of lengths, and what it says without classes.
  let lengths: (condition: Int, range: ClosedRange<Int64>)?
  let from: Int64
  let to: Int64

  init(_ query: TraceQuery) {
    service = query.serviceName.map { TextHash.hash($0) }
    var conditions: [[UInt32]] = []
    if let name = query.spanName { conditions.append([Term.operation(TextHash.hash(name))]) }
    if let name = query.remoteServiceName { conditions.append([Term.remoteService(TextHash.hash(name))]) }
    for condition in query.conditions {
      let key = TextHash.hash(condition.key)
      conditions.append(
        [condition.value.isEmpty ? Term.present(key) : Term.tag(key, TextHash.hash(condition.value))])
    }
    if query.errorsOnly { conditions.append([Term.error]) }
    // A length of 0 is in no class.
    if let shortest = query.minDuration, shortest > 0 {
      let longest = max(shortest, query.maxDuration ?? .max)
      lengths = (conditions.count, shortest...longest)
      conditions.append(
        (Term.bucket(ofDuration: shortest)...Term.bucket(ofDuration: longest)).map { Term.duration($0) })
    } else {
      lengths = nil
    }
    self.conditions = conditions
    from = query.startTs
    to = query.endTs
  }

  /// How far from the time that is searched other parts of a trace may lie, in milliseconds.
  private static let longestTrace: Int64 = 5_000

  /// Whether a part of a trace, or a segment, has spans in the time.
  func overlaps(first: Int64, last: Int64) -> Bool { first <= to && last >= from }

  /// Whether it may have spans of a trace of which another part has spans in the time.
  func isNear(first: Int64, last: Int64) -> Bool {
    first &- Self.longestTrace <= to && last &+ Self.longestTrace >= from
  }

  /// Whether a segment may have traces that fit the service and one of the conditions.
  func mayMatch(_ segment: Segment, condition: Int?) -> Bool {
    guard isNear(first: segment.firstTime, last: segment.lastTime) else { return false }
    if let service, !segment.mayContain(term: Term.service(service)) { return false }
    guard let condition else { return true }
    return conditions[condition].contains { segment.mayContain(term: $0) }
  }

  /// The condition that the fewest segments have: every trace that fits is among those that have it.
  func rarest(_ segments: [Segment]) -> Int? {
    guard conditions.count > 1 else { return conditions.indices.first }
    let counts = conditions.indices.map { condition in segments.count { mayMatch($0, condition: condition) } }
    return counts.indices.min { counts[$0] < counts[$1] }
  }
}
