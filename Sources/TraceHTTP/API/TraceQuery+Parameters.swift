import TraceModel
import TraceStore

/// The parameters of a request, read from its path.
struct QueryParameters {
  /// The path before the question mark, its escapes not yet undone.
  private(set) var path: String
  private var values: [String: String] = [:]

  init(_ target: String) {
    guard let mark = target.firstIndex(of: "?") else {
      path = target
      return
    }
    path = String(target[..<mark])
    for pair in target[target.index(after: mark)...].split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let key = Self.decoded(parts[0], plusIsSpace: true)
      if values[key] == nil { values[key] = parts.count > 1 ? Self.decoded(parts[1], plusIsSpace: true) : "" }
    }
  }

  /// Leaves out a slash at the end of a path of the API, where it counts for nothing. The page has addresses of its own.
  mutating func dropSlash() {
    guard path.hasSuffix("/") else { return }
    let rest = String(path.dropLast())
    if CollectorRoute.all.contains(where: { $0.matches(rest) }) { path = rest }
  }

  /// A parameter; nil if it is absent or empty.
  subscript(_ name: String) -> String? {
    guard let value = values[name], !value.isEmpty else { return nil }
    return value
  }

  /// A parameter that has to be there.
  func required(_ name: String) throws(CollectorError) -> String {
    guard let value = self[name] else {
      throw CollectorError(code: .invalid, message: "the parameter \(name) is missing")
    }
    return value
  }

  /// A whole number; nil if absent.
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

  /// A value as it stands in an address.
  static func encoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        result.unicodeScalars.append(UnicodeScalar(byte))
      default:
        result += "%" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return result
  }

  /// Undoes percent escapes; a wrong escape stands for itself, bytes that are no UTF-8 become replacement characters.
  static func decoded(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      if bytes[index] == 0x25, index + 2 < bytes.count, let high = Hexadecimal.value(bytes[index + 1]),
        let low = Hexadecimal.value(bytes[index + 2])
      {
        result.append(UInt8(high << 4 | low))
        index += 3
      } else {
        result.append(plusIsSpace && bytes[index] == 0x2B ? 0x20 : bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}

extension TraceQuery {
  /// Reads Zipkin's parameters of a search, and `errorsOnly` and `maxTraceDuration`, which are ours.
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
    switch parameters["errorsOnly"] {
    case nil, "false": errorsOnly = false
    case "true": errorsOnly = true
    default: throw CollectorError(code: .invalid, message: "the parameter errorsOnly must be true or false")
    }
    annotations = try TagConditions.read(parameters["annotationQuery"] ?? "")
  }
}

extension QueryParameters {
  /// The time of a search: `endTs` (now if absent) and `lookback` (a day, unless said otherwise), in milliseconds.
  func time(
    now: Int64, endIsRequired: Bool = false, lookback missing: Int64 = 86_400_000
  ) throws(CollectorError) -> (endTs: Int64, lookback: Int64) {
    if endIsRequired { _ = try required("endTs") }
    let endTs = try number("endTs", from: 1, unit: "milliseconds since 1970") ?? now
    let lookback = try number("lookback", from: 1, unit: "milliseconds") ?? missing
    return (endTs, lookback)
  }
}
