import HTTPService
import TraceModel

/// Maps addresses of Zipkin's pages (Lens and the classic page) to addresses of this page. Bookmarks, tickets and other programs use
/// such addresses.
struct OldAddress {
  /// Tags that Lens writes as separate parameters.
  let autocompleteKeys: [String]
  /// The current time in milliseconds since 1970.
  let now: Int64

  /// The address for a search of Zipkin's classic page at `/`; nil if the parameters are not those of a search.
  func classicSearch(_ old: QueryParameters) -> String? {
    Self.conditions.contains { old[$0] != nil } ? search(old) : nil
  }

  /// The address that shows the calls between services.
  func graph(_ old: QueryParameters) -> String { "/graph" + query(time(old)) }

  /// Parameters of Zipkin's pages that this page does not use.
  private static let conditions = [
    "serviceName", "spanName", "remoteServiceName", "annotationQuery", "tagQuery", "minDuration", "maxDuration",
    "startTs", "endTs", "sortOrder",
  ]

  // MARK: Conditions

  /// How many traces the page can show.
  private static let limits = [20, 50, 100, 200, 500, 1_000]

  /// The address that searches for the same.
  func search(_ old: QueryParameters) -> String {
    var new: [(String, String)] = []
    for (name, key) in [("serviceName", "service"), ("spanName", "span"), ("remoteServiceName", "remote")] {
      // The classic page sends "all" for no condition.
      if let value = old[name], value != "all" { new.append((key, value.lowercased())) }
    }
    var tags = [old["annotationQuery"], old["tagQuery"], old["tags"]].compactMap(\.self)
    for key in autocompleteKeys where !Self.conditions.contains(key) {
      if let value = old[key] { tags.append("\(key)=\(value)") }
    }
    if !tags.isEmpty { new.append(("q", tags.joined(separator: " and "))) }
    for (name, key) in [("minDuration", "min"), ("maxDuration", "max")] {
      guard let value = old[name] else { continue }
      // A number without a unit means microseconds there and milliseconds here.
      new.append((key, value.utf8.allSatisfy { (0x30...0x39).contains($0) } ? value + "us" : value))
    }
    new += time(old)
    if let limit = old["limit"], let count = Int(limit), count > 0 {
      new.append(("limit", String(Self.limits.first { $0 >= count } ?? 1_000)))
    }
    if old["sortOrder"] == "duration-desc" { new.append(("sort", "longest")) }
    return "/" + query(new)
  }

  private func query(_ parameters: [(String, String)]) -> String {
    parameters.isEmpty
      ? "" : "?" + parameters.map { "\($0.0)=\(PercentCoding.encode($0.1, space: "%20"))" }.joined(separator: "&")
  }

  // MARK: Time

  private static let day: Int64 = 86_400_000
  /// The time ranges that this page names.
  private static let names: [Int64: String] = [
    300_000: "5m", 900_000: "15m", 3_600_000: "1h", 21_600_000: "6h", 86_400_000: "1d", 604_800_000: "7d",
  ]

  /// The time range: a named range that ends now, or two moments.
  private func time(_ old: QueryParameters) -> [(String, String)] {
    func moment(_ names: String...) -> Int64? {
      names.lazy.compactMap { old[$0].flatMap { Int64($0) } }.first { $0 > 0 }
    }
    let end = moment("endTs", "endTime")
    let isRange = old["lookback"].map { $0 == "custom" || $0 == "range" } ?? true
    if isRange, let start = moment("startTs", "startTime"), start < end ?? now {
      return [("from", String(start)), ("to", String(end ?? now))]
    }
    let length = old["lookback"] == "millis" ? moment("millis") : old["lookback"].flatMap(Self.length)
    guard let length = length ?? end.map({ _ in Self.day }) else { return [] }
    if end == nil, let name = Self.names[length] { return [("lookback", name)] }
    let last = end ?? now
    return [("from", String(max(1, last &- length))), ("to", String(last))]
  }

  /// Parses `900000`, `15m`, `2h` or `7d` as milliseconds.
  private static func length(_ text: String) -> Int64? {
    let units: [Character: Int64] = ["m": 60_000, "h": 3_600_000, "d": day]
    let unit = text.last.flatMap { units[$0] }
    guard let count = Int64(unit == nil ? text : String(text.dropLast())), count > 0 else { return nil }
    let (length, isBeyond) = count.multipliedReportingOverflow(by: unit ?? 1)
    return isBeyond || length > 100 * 366 * day ? nil : length
  }
}
