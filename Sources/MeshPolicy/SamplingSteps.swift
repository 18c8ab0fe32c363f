/// The share of requests that is traced, as Envoy counts it: in steps of 0.01 %, rounded down. Seen with Envoy 1.40.
public struct SamplingSteps: Sendable, Hashable {
  /// How many of 10,000 requests are traced.
  public let count: Int

  /// Converts a percentage; `nil` means all requests, as for Envoy.
  public init(percent: Double?) {
    guard let percent else {
      count = Self.all
      return
    }
    // Envoy multiplies in the same way: 0.29 is 28 steps, since it is a little less than 29 of them.
    count = percent >= 100 ? Self.all : percent > 0 ? Int(percent * 100) : 0
  }

  private static let all = 10_000

  /// Whether every request is traced.
  public var isAll: Bool { count == Self.all }

  /// Whether no request is traced, except those whose callers force it.
  public var isNone: Bool { count == 0 }

  /// The share in percent, without trailing zeros: `12.5`.
  public var percent: String {
    let (whole, rest) = count.quotientAndRemainder(dividingBy: 100)
    guard rest != 0 else { return "\(whole)" }
    return rest.isMultiple(of: 10) ? "\(whole).\(rest / 10)" : "\(whole).\(rest < 10 ? "0" : "")\(rest)"
  }

  /// Whether Envoy rounds the percentage down to this share.
  public func isLess(than percent: Double) -> Bool { percent * 100 - Double(count) > 1e-9 }
}

extension TracingDestination {
  /// The share of requests that is traced, as Envoy counts it.
  public var samplingSteps: SamplingSteps { SamplingSteps(percent: sampling) }
}
