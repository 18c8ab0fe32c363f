/// What an examined trace tells about a call.
enum CallResult: UInt8, Sendable, CaseIterable {
  /// Its parent is the request, or a span of the service's own tracer, and its headers are those of the request.
  case fine = 0
  /// No span of the trace is its parent, although the request is there.
  case spanIDReplaced
  /// It carries more request ids than the request.
  case headerDoubled
  /// The called proxy, or the call itself, names an older span of the trace as its parent.
  case b3Flattened
  /// It was made for a request that was not sampled.
  case sampledFlagTurned
  /// It carries another request id than the request.
  case requestIDReplaced
  /// It began after the answer to the request.
  case detachedWork
  /// The trace does not tell.
  case unknown

  var kind: PropagationKind? {
    switch self {
    case .fine, .unknown: nil
    case .spanIDReplaced: .spanIDReplaced
    case .headerDoubled: .headerDoubled
    case .b3Flattened: .b3Flattened
    case .sampledFlagTurned: .sampledFlagTurned
    case .requestIDReplaced: .requestIDReplaced
    case .detachedWork: .detachedWork
    }
  }
}

/// Counters of examined calls.
struct ExaminedCalls: Sendable, Equatable {
  private var results = SIMD8<UInt32>(repeating: 0)
  /// Calls that the called service's proxy reported as requests, and those that it did not report.
  var answered: UInt32 = 0
  var unanswered: UInt32 = 0

  subscript(result: CallResult) -> Int { Int(results[Int(result.rawValue)]) }

  /// The calls of which the trace tells something.
  var judged: Int { Int(results.wrappedSum()) - self[.unknown] }

  mutating func count(_ result: CallResult) { results[Int(result.rawValue)] &+= 1 }

  mutating func add(_ other: ExaminedCalls) {
    results &+= other.results
    answered &+= other.answered
    unanswered &+= other.unanswered
  }
}

/// The newest examined calls, and what was found.
struct RecentResults: Sendable {
  private static let kept = 64
  private static let bits = 4

  /// The starts in microseconds, sorted, with the result in the lowest bits.
  private var calls: [Int64] = []

  /// Adds a call, in any order. The time must be a possible time of day.
  mutating func note(at start: Int64, _ result: CallResult) {
    // Times of day have less than 60 bits.
    let call = (start & (1 << 59 - 1)) << Int64(Self.bits) | Int64(result.rawValue)
    calls.insert(call, keepingGreatest: Self.kept)
  }

  /// The calls in a period, in microseconds since 1970, newest first.
  func newest(from: Int64, to: Int64) -> [(start: Int64, result: CallResult)] {
    calls.reversed().compactMap { call in
      let start = call >> Int64(Self.bits)
      guard start >= from, start <= to, let result = CallResult(rawValue: UInt8(truncatingIfNeeded: call & 15)) else {
        return nil
      }
      return (start, result)
    }
  }
}

/// The newest sizes of calls to a callee, and which of the calls continued their traces.
struct CallSizes: Sendable {
  /// A size up to which all calls continued their traces, and above which none did.
  struct Limit: Sendable, Equatable {
    /// The largest size of a call that continued its trace, and the smallest one of a call that began one, in bytes.
    var continued: UInt32
    var begun: UInt32
    var continuedCalls: Int
    var begunCalls: Int
  }

  private struct Sample: Sendable {
    var start: Int64
    var size: UInt32
    var isContinued: Bool
  }

  private static let kept = 128
  private static let fewestCalls = 10
  /// One size may be that of one route; several sizes on both sides are not.
  private static let fewestSizes = 3
  private static let callsPerException = 40

  private var samples: [Sample] = []
  private var next = 0

  mutating func note(at start: Int64, size: UInt32, isContinued: Bool) {
    let sample = Sample(start: start, size: size, isContinued: isContinued)
    if samples.count < Self.kept {
      samples.append(sample)
    } else {
      samples[next] = sample
      next = (next + 1) % Self.kept
    }
  }

  /// The limit that explains which calls began traces; `nil` if none does.
  func limit(from: Int64, to: Int64) -> Limit? {
    let known = samples.filter { $0.start >= from && $0.start <= to }
    guard let first = known.filter({ !$0.isContinued }).map(\.start).min() else { return nil }
    let recent = known.filter { $0.start >= first }.sorted {
      ($0.size, $1.isContinued ? 1 : 0) < ($1.size, $0.isContinued ? 1 : 0)
    }
    let begun = recent.filter { !$0.isContinued }.map(\.size)
    let continued = recent.filter(\.isContinued).map(\.size)
    guard Self.isSample(begun), Self.isSample(continued) else { return nil }
    // Calls that continued traces above the split, and calls that began traces below it, are exceptions.
    var exceptions = continued.count
    var best: (exceptions: Int, split: Int) = (exceptions, 0)
    for (index, sample) in recent.enumerated() {
      exceptions += sample.isContinued ? -1 : 1
      let isBetween = index + 1 == recent.count || recent[index + 1].size > sample.size
      if isBetween, exceptions < best.exceptions { best = (exceptions, index + 1) }
    }
    guard best.exceptions <= recent.count / Self.callsPerException, best.split > 0, best.split < recent.count else {
      return nil
    }
    let below = recent[..<best.split].filter(\.isContinued)
    let above = recent[best.split...].filter { !$0.isContinued }
    guard Self.isSample(below.map(\.size)), Self.isSample(above.map(\.size)), let largest = below.last,
      let smallest = above.first
    else { return nil }
    return Limit(
      continued: largest.size, begun: smallest.size, continuedCalls: below.count, begunCalls: above.count)
  }

  private static func isSample(_ sizes: [UInt32]) -> Bool {
    sizes.count >= fewestCalls && Set(sizes.filter { $0 > 0 }).count >= fewestSizes
  }
}
