#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Tests whether calls were made for requests, or overlap with requests by chance.
///
/// An observation is a group of calls. It compares the number of requests in flight at the calls with the numbers for the same
/// group shifted in time. If calls are independent of requests, the actual number is a random one of these. Chernoff's inequality
/// then bounds the probability of the observed sum of differences, from the moment generating functions of the observations. The
/// only assumption is that observations are independent: groups are so far apart that their shifted versions do not overlap.
struct ChanceTest: Sendable, Equatable {
  /// A group of calls.
  struct Observation: Sendable, Equatable {
    /// The number of requests in flight.
    var actual: Double
    /// The number for each shift, including no shift.
    var possible: [Double]
  }

  /// The points at which the generating functions are evaluated.
  private static let points = SIMD8<Double>(0.5, 1, 2, 3, 5, 8, 13, 21)
  /// The natural logarithm of the required improbability: 1e-10 for each service, callee and point.
  static let threshold = 25.2

  /// The number of observations.
  private(set) var observations = 0
  /// The sum of differences between actual and mean numbers.
  private(set) var excess = 0.0
  private var logarithms = SIMD8<Double>(repeating: 0)

  private static let fewestObservations = 4
  /// The smallest mean difference that counts. Calls made for requests have a difference of 0.75: the request itself, less its
  /// share in the mean. Work that follows requests closely may have a small difference.
  private static let smallestExcess = 0.2
  private static let fullExcess = 0.75

  mutating func observe(_ observation: Observation) {
    let number = Double(observation.possible.count)
    guard number > 0 else { return }
    let mean = observation.possible.reduce(0, +) / number
    let highest = (observation.possible.max() ?? mean) - mean
    observations += 1
    excess += observation.actual - mean
    for index in Self.points.indices {
      // The largest exponent is factored out, so that nothing overflows.
      let point = Self.points[index]
      let sum = observation.possible.reduce(0) { $0 + exp(point * ($1 - mean - highest)) }
      logarithms[index] += log(sum / number) + point * highest
    }
  }

  mutating func add(_ other: ChanceTest) {
    observations += other.observations
    excess += other.excess
    logarithms += other.logarithms
  }

  /// The probability of chance is at most e to the power of minus this, apart from the choice of the point.
  var bound: Double { max(0, (Self.points * excess - logarithms).max()) }

  /// Whether calls were made for requests, beyond reasonable doubt.
  var excludesChance: Bool {
    observations >= Self.fewestObservations && excess >= Self.smallestExcess * Double(observations)
      && bound >= Self.threshold
  }

  /// Whether there are too few observations to tell.
  var isUndecided: Bool { observations < 2 * Self.fewestObservations || bound > Self.threshold / 4 }

  /// The approximate lower bound of the share of calls that was made for requests.
  var share: Double { observations == 0 ? 0 : min(1, max(0, excess / Double(observations) / Self.fullExcess)) }
}

/// Tests whether calls follow the start of the request in flight at a steadier distance than they follow other events.
///
/// Work that a service does after an answer always overlaps with the next request if its caller sends requests back to back. Work
/// that a service does every second always or never overlaps with requests that come every second. The event with the steadiest
/// distance is the cause of the calls.
struct LockTest: Sendable, Equatable {
  /// A call during a request, with the microseconds since each event.
  struct Sample: Sendable, Equatable {
    /// Since the start of the request.
    var start: Int64
    /// Since the end of an earlier request; `nil` if that was long ago.
    var end: Int64?
    /// Since the previous call to the same callee.
    var call: Int64
  }

  private static let kept = 256
  private static let fewest = 16
  private var samples: [Sample] = []
  private var next = 0
  /// Calls during so many requests that the cause cannot be told.
  private var crowded = 0

  mutating func observe(_ sample: Sample) {
    if samples.count < Self.kept {
      samples.append(sample)
    } else {
      samples[next] = sample
      next = (next + 1) % Self.kept
    }
  }

  mutating func observeCrowd() { crowded += 1 }

  /// Whether another event than the request in flight may have caused the calls.
  ///
  /// - Parameter isExclusive: whether all calls overlap with requests.
  func hasOtherReason(isExclusive: Bool) -> Bool {
    guard samples.count >= Self.fewest else { return crowded < Self.fewest }
    // The distance between two calls has the jitter of both. Timed work overlaps with every request only if requests have the
    // same period. If it misses some, it must be much steadier to count as caused by them.
    let margin = isExclusive ? 1.15 : 2.3
    if isAsSteady(samples, margin, \.call) { return true }
    let close = samples.filter { $0.end != nil }
    return close.count * 10 >= samples.count * 7 && isAsSteady(close, margin) { $0.end ?? 0 }
  }

  private func isAsSteady(_ samples: [Sample], _ margin: Double, _ other: (Sample) -> Int64) -> Bool {
    // With few samples, the spread is uncertain.
    let margin = margin * (1 + 2 / Double(max(samples.count, 1)).squareRoot())
    return margin * Double(Self.spread(samples.map(\.start))) > Double(Self.spread(samples.map(other)))
  }

  /// The distance between the first and the last decile.
  private static func spread(_ values: [Int64]) -> Int64 {
    let values = values.sorted()
    let tenth = values.count / 10
    return values.isEmpty ? 0 : values[values.count - 1 - tenth] - values[tenth]
  }
}
