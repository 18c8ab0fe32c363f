import TraceModel

/// The conditions of a query as terms. A matching trace has at least one term of each condition, in spans of the service if the
/// query names one. A trace that has these terms need not match.
struct SearchConditions {
  /// The ``TextHash`` of the service whose spans count; nil for all services.
  let service: UInt64?
  /// The terms of each condition.
  let conditions: [[UInt32]]
  /// The index of the condition on durations, and its exact range.
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
    // A duration of 0 is in no class.
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

  /// How far outside of the searched time other spans of a trace may lie, in milliseconds.
  private static let longestTrace: Int64 = 5_000

  /// Whether spans between two times are in the searched time.
  func overlaps(first: Int64, last: Int64) -> Bool { first <= to && last >= from }

  /// Whether spans between two times may belong to a trace with other spans in the searched time.
  func isNear(first: Int64, last: Int64) -> Bool {
    first &- Self.longestTrace <= to && last &+ Self.longestTrace >= from
  }

  /// Whether a segment may have traces that match the service and a condition.
  func mayMatch(_ segment: Segment, condition: Int?) -> Bool {
    guard isNear(first: segment.firstTime, last: segment.lastTime) else { return false }
    if let service, !segment.mayContain(term: Term.service(service)) { return false }
    guard let condition else { return true }
    return conditions[condition].contains { segment.mayContain(term: $0) }
  }

  /// The condition that matches the fewest segments. Every matching trace has it.
  func rarest(_ segments: [Segment]) -> Int? {
    guard conditions.count > 1 else { return conditions.indices.first }
    let counts = conditions.indices.map { condition in segments.count { mayMatch($0, condition: condition) } }
    return counts.indices.min { counts[$0] < counts[$1] }
  }
}
