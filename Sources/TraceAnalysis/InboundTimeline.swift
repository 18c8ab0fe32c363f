import TraceModel

/// The parts of a request received by a proxy that the analysis keeps.
struct InboundRequest: Sendable {
  let trace: TraceID
  let span: UInt64
  /// In microseconds since 1970.
  let start: Int64
  let end: Int64
  let requestNumber: UInt64
  /// The size of its body in bytes; `nil` if unknown.
  let size: UInt32?

  /// `nil` if the span has no time or duration, or an impossible time.
  init?(_ span: Span, size: UInt32? = nil) {
    guard span.duration > 0, span.timestamp.isTimeOfDay, span.end.isTimeOfDay else { return nil }
    trace = span.traceID
    self.span = span.id
    start = span.timestamp
    end = span.end
    requestNumber = span.requestNumber
    self.size = size
  }
}

extension Int64 {
  /// Whether the value can be microseconds since 1970. Sums and differences of such values cannot overflow.
  var isTimeOfDay: Bool { self > 0 && self < 1 << 60 }
}

/// The number of requests that a proxy had in flight at each moment.
struct InboundTimeline {
  /// Sorted by start.
  let requests: [InboundRequest]
  private let starts: [Int64]
  private let ends: [Int64]
  /// The end of the observed period. Later requests may not have been reported yet.
  let knownUntil: Int64
  /// How far a call that was made for no request might be shifted in time, in microseconds.
  let reach: Int64

  /// The reach in request durations.
  private static let lengths = 2.0
  /// Longer requests (streams, long polls) are not counted in the usual duration; in microseconds.
  private static let usualLimit: Int64 = 5_000_000
  private static let longestReach = 5_000_000.0
  private static let candidateLimit = 256
  /// The number of shifts in each direction.
  private static let shifts = 20

  init(_ requests: [InboundRequest]) {
    self.requests = requests.sorted { $0.start < $1.start }
    starts = self.requests.map(\.start)
    ends = self.requests.map(\.end).sorted()
    knownUntil = ends.last ?? 0
    var sum = 0.0
    var count = 0.0
    for request in requests where request.end - request.start <= Self.usualLimit {
      sum += Double(request.end - request.start)
      count += 1
    }
    let usual = count > 0 ? sum / count : Double(Self.usualLimit)
    reach = Int64(min(max(usual * Self.lengths, 100), Self.longestReach))
  }

  /// The number of requests in flight.
  func count(at time: Int64) -> Int { Self.position(after: time, in: starts) - Self.position(after: time, in: ends) }

  /// The requests in flight, newest first.
  func candidates(at time: Int64) -> [InboundRequest] {
    let count = min(count(at: time), Self.candidateLimit)
    var found: [InboundRequest] = []
    var index = Self.position(after: time, in: starts)
    while index > 0, found.count < count {
      index -= 1
      if requests[index].end > time { found.append(requests[index]) }
    }
    return found
  }

  /// The time of the last end of a request at or before a moment.
  func lastEnd(before time: Int64) -> Int64? {
    let position = Self.position(after: time, in: ends)
    return position > 0 ? ends[position - 1] : nil
  }

  /// The mean number of requests in flight at some calls, actual and for each shift of all of them.
  func observation(of calls: [Int64]) -> ChanceTest.Observation {
    let step = Double(reach) / Double(Self.shifts)
    let values = (-Self.shifts...Self.shifts).map { shift in
      let distance = Int64(Double(shift) * step)
      let count = calls.reduce(0) { $0 + self.count(at: $1 + distance) }
      return Double(count) / Double(max(calls.count, 1))
    }
    return ChanceTest.Observation(actual: values[Self.shifts], possible: values)
  }

  /// The index of the first greater value in a sorted list.
  private static func position(after value: Int64, in values: [Int64]) -> Int {
    var low = 0
    var high = values.count
    while low < high {
      let middle = (low + high) / 2
      if values[middle] <= value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
