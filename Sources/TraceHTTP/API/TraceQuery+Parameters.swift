import HTTPService
import TraceModel
import TraceStore

extension QueryParameters {
  /// The value of a required parameter.
  func required(_ name: String) throws(CollectorError) -> String {
    guard let value = self[name] else {
      throw CollectorError(code: .invalid, message: "the parameter \(name) is missing")
    }
    return value
  }

  /// An integer parameter; nil if absent.
  func number(_ name: String, from minimum: Int64, unit: String) throws(CollectorError) -> Int64? {
    guard let text = self[name] else { return nil }
    guard let value = Int64(text), value >= minimum else {
      throw CollectorError(
        code: .invalid,
        message: "the parameter \(name) must be a whole number of \(unit), at least \(minimum), not "
          + "'\(text.prefix(64))'")
    }
    return value
  }

  /// A parameter that is true or false; false if absent.
  func truth(_ name: String) throws(CollectorError) -> Bool {
    switch self[name] {
    case nil, "false": return false
    case "true": return true
    default: throw CollectorError(code: .invalid, message: "the parameter \(name) must be true or false")
    }
  }

  /// The time range of a search in milliseconds: `endTs` (default now) and `lookback` (default a day).
  func time(
    now: Int64, endIsRequired: Bool = false, lookback missing: Int64 = 86_400_000
  ) throws(CollectorError) -> (endTs: Int64, lookback: Int64) {
    if endIsRequired { _ = try required("endTs") }
    let endTs = try number("endTs", from: 1, unit: "milliseconds since 1970") ?? now
    let lookback = try number("lookback", from: 1, unit: "milliseconds") ?? missing
    return (endTs, lookback)
  }
}

extension TraceQuery {
  /// Parses Zipkin's parameters of a search, and `errorsOnly` and `maxTraceDuration`, which Zipkin does not have.
  init(_ parameters: QueryParameters, now: Int64, limits: CollectorLimits) throws(CollectorError) {
    let (endTs, lookback) = try parameters.time(now: now)
    self.init(endTs: endTs, lookback: lookback)
    if let limit = try parameters.number("limit", from: 1, unit: "traces") {
      guard limit <= limits.tracesPerQuery else {
        throw CollectorError(
          code: .invalid, message: "the parameter limit must be at most \(limits.tracesPerQuery), not \(limit)")
      }
      self.limit = Int(limit)
    }
    serviceName = parameters["serviceName"]?.lowercased()
    // Zipkin's own page sends "all" for every name.
    spanName = parameters["spanName"].map { $0.lowercased() }.flatMap { $0 == "all" ? nil : $0 }
    remoteServiceName = parameters["remoteServiceName"].map { $0.lowercased() }.flatMap { $0 == "all" ? nil : $0 }
    minDuration = try parameters.number("minDuration", from: 1, unit: "microseconds")
    maxDuration = try parameters.number("maxDuration", from: 1, unit: "microseconds")
    if let maxDuration {
      guard let minDuration else {
        throw CollectorError(code: .invalid, message: "the parameter maxDuration is only valid with minDuration")
      }
      guard maxDuration >= minDuration else {
        throw CollectorError(
          code: .invalid, message: "the parameter maxDuration must not be smaller than minDuration")
      }
    }
    maxTraceDuration = try parameters.number("maxTraceDuration", from: 1, unit: "microseconds")
    if let maxTraceDuration, let minDuration, maxTraceDuration < minDuration {
      throw CollectorError(
        code: .invalid, message: "the parameter maxTraceDuration must not be smaller than minDuration")
    }
    errorsOnly = try parameters.truth("errorsOnly")
    includesCanary = try parameters.truth("canary")
    annotations = try TagConditions.read(parameters["annotationQuery"] ?? "")
  }
}
