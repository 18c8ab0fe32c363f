#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Bounds of the number of successes among independent trials, by Chernoff's inequality, which holds for every number of trials:
/// P(X ≤ k) ≤ exp(−n · KL(k/n ‖ p)) for k below the mean, and the same above it.
struct Binomial: Sendable, Hashable {
  /// The number of trials.
  var trials: Int
  /// The probability of a success, from 0 to 1.
  var probability: Double

  /// The mean.
  var mean: Double { Double(trials) * probability }

  /// The bounds outside of which the number is on either side with at most a probability.
  func range(_ outside: Double) -> ClosedRange<Int> {
    let (low, high) = (low(outside), high(outside))
    return low...max(low, high)
  }

  /// The least number that is not too small to be an accident.
  func low(_ outside: Double) -> Int {
    guard trials > 0, probability > 0 else { return 0 }
    guard probability < 1 else { return trials }
    let limit = -log(outside)
    // The exponent falls from 0 successes to the mean.
    var (low, high) = (0, Int(mean))
    while low < high {
      let middle = low + (high - low) / 2
      if exponent(middle) > limit { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The greatest number that is not too large to be an accident.
  func high(_ outside: Double) -> Int {
    guard trials > 0, probability > 0 else { return 0 }
    guard probability < 1 else { return trials }
    let limit = -log(outside)
    var (low, high) = (min(trials, Int(mean.rounded(.up))), trials)
    while low < high {
      let middle = low + (high - low + 1) / 2
      if exponent(middle) > limit { high = middle - 1 } else { low = middle }
    }
    return low
  }

  /// n · KL(k/n ‖ p).
  private func exponent(_ successes: Int) -> Double {
    let (n, k, p) = (Double(trials), Double(successes), probability)
    let first = successes == 0 ? 0 : k * log(k / (n * p))
    let second = successes == trials ? 0 : (n - k) * log((n - k) / (n * (1 - p)))
    return first + second
  }
}
