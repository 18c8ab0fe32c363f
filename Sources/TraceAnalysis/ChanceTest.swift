#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Whether calls were made for requests, or met them by chance.
///
/// An observation is a group of calls, and compares how many requests were in flight when they were made with how many
/// there would have been, had the group come a little earlier or later. Were the calls not made for requests, the actual
/// number would be one of those at random. Chernoff's inequality then bounds the probability of a sum of differences as
/// large as the one seen, from the moment generating functions of the observations. It needs nothing but that
/// observations do not depend on each other: so groups are so far apart that, moved, they do not overlap.
struct ChanceTest: Sendable, Equatable {
  /// A group of calls.
  struct Observation: Sendable, Equatable {
    /// How many requests were in flight.
    var actual: Double
    /// How many there would have been for each shift, none among them.
    var possible: [Double]
  }

  /// Where the generating functions are taken.
  private static let points = SIMD8<Double>(0.5, 1, 2, 3, 5, 8, 13, 21)
  /// The natural logarithm of how improbable chance has to be: 1e-10 for each service and callee, and the 8 points.
  static let threshold = 25.2

  /// How many observations there are.
  private(set) var observations = 0
  /// By how much more was in flight than in the mean, in total.
  private(set) var excess = 0.0
  private var logarithms = SIMD8<Double>(repeating: 0)

  private static let fewestObservations = 4
  /// How much more has to be in flight in the mean. Calls that are made for requests have 0.75 more of them in flight
  /// (the request itself, less its share in the mean); what follows requests closely may have a little more.
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
      // The highest value is taken out, so that nothing overflows.
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

  /// The probability of chance is at most e to the minus this, but for the choice of the point.
  var bound: Double { max(0, (Self.points * excess - logarithms).max()) }

  /// Whether calls were made for requests, beyond doubt.
  var excludesChance: Bool {
    observations >= Self.fewestObservations && excess >= Self.smallestExcess * Double(observations)
      && bound >= Self.threshold
  }

  /// Whether there is too little to tell chance from intent.
  var isUndecided: Bool { observations < 2 * Self.fewestObservations || bound > Self.threshold / 4 }

  /// The part of the calls that was made for requests, at least about.
  var share: Double { observations == 0 ? 0 : min(1, max(0, excess / Double(observations) / Self.fullExcess)) }
}

/// Whether calls keep their distance from the start of the request in flight, rather than from something else.
///
/// Work that a service does after an answer always meets the next request if its caller waits for each answer and then
/// asks again at once. Work that it does every second always meets a request, or never does, if those come every second.
/// Only the steadier distance tells what a call was made for.
struct LockTest: Sendable, Equatable {
  /// A call that met a request, and by how many microseconds it followed each thing.
  struct Sample: Sendable, Equatable {
    /// The start of the request.
    var start: Int64
    /// The end of another one before; nil if that was long ago.
    var end: Int64?
    /// The call before to the same callee.
    var call: Int64
  }

  private static let kept = 256
  private static let fewest = 16
  private var samples: [Sample] = []
  private var next = 0
  /// Calls that met so many requests that it cannot be said which.
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

  /// Whether something else than the requests in flight may have been the reason for the calls.
  ///
  /// - Parameter isExclusive: whether all calls met requests.
  func hasOtherReason(isExclusive: Bool) -> Bool {
    guard samples.count >= Self.fewest else { return crowded < Self.fewest }
    // Between two calls there is the jitter of both. Work with a clock of its own would meet every request only if
    // those came by the same clock; if it misses some, it has to be much less steady to be taken for an answer to them.
    let margin = isExclusive ? 1.15 : 2.3
    if isAsSteady(samples, margin, \.call) { return true }
    let close = samples.filter { $0.end != nil }
    return close.count * 10 >= samples.count * 7 && isAsSteady(close, margin) { $0.end ?? 0 }
  }

  private func isAsSteady(_ samples: [Sample], _ margin: Double, _ other: (Sample) -> Int64) -> Bool {
    // Few samples say little about how steady something is.
    let margin = margin * (1 + 2 / Double(max(samples.count, 1)).squareRoot())
    return margin * Double(Self.spread(samples.map(\.start))) > Double(Self.spread(samples.map(other)))
  }

  /// How far apart those are that only a tenth is below and above.
  private static func spread(_ values: [Int64]) -> Int64 {
    let values = values.sorted()
    let tenth = values.count / 10
    return values.isEmpty ? 0 : values[values.count - 1 - tenth] - values[tenth]
  }
}
