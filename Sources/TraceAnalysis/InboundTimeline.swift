import TraceModel

/// A request that a proxy received, as much as has to be kept of it.
struct InboundRequest: Sendable {
  let trace: TraceID
  let span: UInt64
  /// Microseconds since 1970.
  let start: Int64
  let end: Int64
  let requestNumber: UInt64

  /// Nil if it has no time or no length, or one that is no time of day.
  init?(_ span: Span) {
    guard span.duration > 0, span.timestamp.isTimeOfDay, span.end.isTimeOfDay else { return nil }
    trace = span.traceID
    self.span = span.id
    start = span.timestamp
    end = span.end
    requestNumber = span.requestNumber
  }
}

extension Int64 {
  /// Whether it can be microseconds since 1970; sums and differences of such cannot overflow.
  var isTimeOfDay: Bool { self > 0 && self < 1 << 60 }
}

/// How many requests a proxy had in flight at each moment.
struct InboundTimeline {
  /// By their starts.
  let requests: [InboundRequest]
  private let starts: [Int64]
  private let ends: [Int64]
  /// What is known ends here; later requests may not have been reported yet.
  let knownUntil: Int64
  /// By how much a call might as well have come earlier or later, if it was made for no request, in microseconds.
  let reach: Int64

  /// In lengths of a request.
  private static let lengths = 2.0
  /// Requests longer than this, in microseconds (streams, long polls), do not count for the usual length.
  private static let usualLimit: Int64 = 5_000_000
  private static let longestReach = 5_000_000.0
  private static let candidateLimit = 256
  /// How many times calls are moved to each side.
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

  /// How many requests were in flight.
  func count(at time: Int64) -> Int { Self.position(after: time, in: starts) - Self.position(after: time, in: ends) }

  /// The requests in flight, those that began last first.
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

  /// The last moment not after this one at which a request ended.
  func lastEnd(before time: Int64) -> Int64? {
    let position = Self.position(after: time, in: ends)
    return position > 0 ? ends[position - 1] : nil
  }

  /// How many requests were in flight in the mean when some calls were made, and how many there would have been, had all
  /// of the calls come a little earlier or later.
  func observation(of calls: [Int64]) -> ChanceTest.Observation {
    let step = Double(reach) / Double(Self.shifts)
    let values = (-Self.shifts...Self.shifts).map { shift in
      let distance = Int64(Double(shift) * step)
      let count = calls.reduce(0) { $0 + self.count(at: $1 + distance) }
      return Double(count) / Double(max(calls.count, 1))
    }
    return ChanceTest.Observation(actual: values[Self.shifts], possible: values)
  }

  /// The index of the first value of a sorted list that is greater.
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
