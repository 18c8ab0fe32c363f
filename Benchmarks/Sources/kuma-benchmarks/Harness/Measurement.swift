import Glibc

/// What a piece of work took.
struct Cost {
  /// Seconds of the wall clock.
  var wall: Double
  /// Seconds of all processors, those of this process in user and system mode together.
  var cpu: Double

  /// Does some work and takes its time.
  static func of(_ work: () async throws -> Void) async rethrows -> Cost {
    let clock = ContinuousClock()
    let cpu = processorTime
    let start = clock.now
    try await work()
    let elapsed = clock.now - start
    return Cost(wall: elapsed / .seconds(1), cpu: processorTime - cpu)
  }

  /// Processor time of this process so far, in seconds: what `getrusage` tells, to the nanosecond.
  private static var processorTime: Double {
    var time = timespec()
    guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// A value and its baseline, taken in turns, so that what else happens on the machine meets both.
struct Comparison {
  /// The figures of what is measured, one per round.
  private(set) var values: [Double] = []
  /// The figures of the baseline, one per round.
  private(set) var baselines: [Double] = []

  /// An empty comparison, for figures that are taken elsewhere.
  init() {}

  /// Figures that were taken elsewhere; without baselines there are no ratios.
  init(values: [Double], baselines: [Double] = []) {
    self.values = values
    self.baselines = baselines
  }

  /// Takes both sides in turns. An unmeasured turn of each comes first; then every other round begins with the baseline.
  init(
    rounds: Int, value: () async throws -> Double, baseline: () async throws -> Double
  ) async throws {
    _ = try await value()
    _ = try await baseline()
    for round in 0..<rounds {
      let early = round.isMultiple(of: 2) ? nil : try await baseline()
      values.append(try await value())
      if let early { baselines.append(early) } else { baselines.append(try await baseline()) }
    }
  }

  /// Adds the figures of a round.
  mutating func add(value: Double, baseline: Double) {
    values.append(value)
    baselines.append(baseline)
  }

  /// The ratio of each round; above 1 where the value is the better one.
  func ratios(_ better: Better) -> [Double] {
    zip(values, baselines).map { value, baseline in
      switch better {
      case .less: value > 0 ? baseline / value : .infinity
      case .more: baseline > 0 ? value / baseline : .infinity
      }
    }
  }
}

/// Which figures are good.
enum Better {
  /// Costs.
  case less
  /// Rates.
  case more
}

extension [Double] {
  /// The value below which a share of the figures is, interpolated; 0 without figures.
  func quantile(_ share: Double) -> Double {
    let sorted = sorted()
    guard let first = sorted.first else { return 0 }
    let position = share * Double(sorted.count - 1)
    let lower = Int(position)
    guard lower + 1 < sorted.count else { return sorted.last ?? first }
    let weight = position - Double(lower)
    // Not interpolated where it is not needed: an infinite neighbour times 0 would be no number.
    return weight == 0 ? sorted[lower] : sorted[lower] * (1 - weight) + sorted[lower + 1] * weight
  }

  /// The middle one.
  var median: Double { quantile(0.5) }
}

/// The exponent x of the curve size^x that is closest to some figures: 1 where they grow as the size does.
func growthExponent(_ figures: [(size: Int, figure: Double)]) -> Double {
  let points = figures.filter { $0.figure > 0 }.map { (x: log(Double($0.size)), y: log($0.figure)) }
  guard points.count > 1 else { return .nan }
  let (x, y) = (
    points.map(\.x).reduce(0, +) / Double(points.count), points.map(\.y).reduce(0, +) / Double(points.count)
  )
  let (above, below) = points.reduce((0.0, 0.0)) { ($0.0 + ($1.x - x) * ($1.y - y), $0.1 + ($1.x - x) * ($1.x - x)) }
  return above / below
}
