package import TraceModel

/// Counts requests to services and calls between them, with histograms of their durations: rate, errors, duration. A value; its size
/// is bounded by a number of series.
package struct RequestTally: Sendable {
  /// What a series counts.
  package enum Subject: Sendable, Hashable {
    /// Requests to an operation of a service.
    case request(service: UInt64, operation: UInt64, isConsumer: Bool)
    /// Calls from one service to another.
    case call(client: UInt64, server: UInt64)

    /// Whether it is a call.
    package var isCall: Bool { if case .call = self { true } else { false } }
  }

  fileprivate struct Key: Sendable, Hashable {
    var subject: Subject
    var isError: Bool
  }

  /// A measurement of a class of durations.
  package struct Exemplar: Sendable {
    package var trace: TraceID
    /// In microseconds.
    package var duration: Int64
    /// The end of the request in microseconds since 1970.
    package var end: Int64
  }

  /// The requests of one subject, well or failed.
  package struct Series: Sendable {
    package let subject: Subject
    /// Whether they failed.
    package let isError: Bool
    /// The service and the operation, or the two services; abridged, see ``RequestTally/nameBytes``.
    package let names: (String, String)
    /// One count for each of ``RequestTally/bounds``, and one for longer durations.
    package fileprivate(set) var counts = [Int](repeating: 0, count: RequestTally.bounds.count + 1)
    /// The last of each class; `nil` for none.
    package fileprivate(set) var exemplars = [Exemplar?](repeating: nil, count: RequestTally.bounds.count + 1)
    /// Of all durations, in microseconds.
    package fileprivate(set) var sum: Int64 = 0
    /// When it last grew, in milliseconds since 1970.
    fileprivate(set) var lastUse: Int64
  }

  /// The upper bounds of the classes of durations, in microseconds.
  package static let bounds: [Int64] = [
    1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
  ]
  /// The longest duration that counts as it is, in microseconds: a year.
  package static let longestDuration: Int64 = 365 * 86_400_000_000
  /// Names that take more bytes as the value of a label are abridged: a page of metrics has each in fifteen lines.
  package static let nameBytes = 100
  /// How far ahead of the clock the end of a request may be that an exemplar shows, in microseconds.
  private static let exemplarLead: Int64 = 86_400_000_000
  /// What names beyond the limits are called.
  package static let other = "other"
  private static let otherHash = TextHash.hash(other)
  /// How long a series that does not grow keeps its place while others need one, in milliseconds.
  static let idleTime: Int64 = 3_600_000
  /// How often idle series are looked for, in milliseconds.
  private static let sweepInterval: Int64 = 60_000
  /// A service has at most this share of the series of requests, so that one with ids in its names does not take those of others.
  private static let serviceShare = 10

  /// The most series of requests, and of calls.
  private let limit: Int
  /// The series, in the order of their first request.
  package private(set) var series: [Series] = []
  private var numbers: [Key: Int] = [:]
  /// How many series there are of requests and of calls, and of requests to each service.
  private var requestCount = 0
  private var callCount = 0
  private var serviceCounts: [UInt64: Int] = [:]
  private var recent: RecentSides
  /// Series whose keys were looked up before: most spans are of few of them.
  private var frequent = [(key: Key, number: Int)?](repeating: nil, count: 256)
  private var nextSweep: Int64 = 0
  /// Requests and calls that count as `other` because of the limits.
  package private(set) var overflow = 0

  /// - Parameters:
  ///   - limit: the most series of requests, and of calls.
  ///   - recentSpans: how many spans are remembered, so that each request counts once.
  package init(limit: Int, recentSpans: Int = 1 << 17) {
    self.limit = limit
    recent = RecentSides(count: limit > 0 ? recentSpans : 1)
  }

  /// Adds stored spans.
  ///
  /// - Parameters:
  ///   - name: the name with a hash.
  ///   - now: milliseconds since 1970.
  package mutating func add(_ spans: [SpanEntry], name: (UInt64) -> String?, now: Int64) {
    guard limit > 0 else { return }
    for span in spans where span.service != TextHash.empty {
      switch span.kind {
      case .server, .consumer:
        guard recent.note(span, isServer: true) else { continue }
        count(
          span,
          Key(
            subject: .request(service: span.service, operation: span.operation, isConsumer: span.kind == .consumer),
            isError: span.isError), name, now)
      case .client, .producer:
        // Without a name of the other side nothing is known of the call; the proxy's span, which has one, comes too.
        guard span.peer != TextHash.empty, recent.note(span, isServer: false) else { continue }
        count(span, Key(subject: .call(client: span.service, server: span.peer), isError: span.isError), name, now)
      case nil: continue
      }
    }
  }

  private mutating func count(_ span: SpanEntry, _ key: Key, _ name: (UInt64) -> String?, _ now: Int64) {
    let number = number(of: key, name, now)
    // Longer ones are no durations, and their sum would end at the limit of numbers.
    let duration = min(max(0, span.duration), Self.longestDuration)
    let place = Self.bounds.firstIndex { duration <= $0 } ?? Self.bounds.count
    series[number].counts[place] &+= 1
    let (sum, isBeyond) = series[number].sum.addingReportingOverflow(duration)
    series[number].sum = isBeyond ? .max : sum
    series[number].lastUse = now
    let (end, isNever) = span.timestamp.addingReportingOverflow(duration)
    guard !isNever, span.duration <= Self.longestDuration, end >= 0, end / 1_000 <= now &+ Self.exemplarLead / 1_000
    else { return }
    series[number].exemplars[place] = Exemplar(trace: span.traceID, duration: duration, end: end)
  }

  private mutating func number(of key: Key, _ name: (UInt64) -> String?, _ now: Int64) -> Int {
    let place = Int(truncatingIfNeeded: key.mixed) & (frequent.count - 1)
    if let (known, number) = frequent[place], known == key { return number }
    let found = numbers[key] ?? newSeries(key, name, now)
    // What counts as other must not be found under its own name, because overflows are counted.
    if series[found].subject == key.subject { frequent[place] = (key, found) }
    return found
  }

  private mutating func newSeries(_ key: Key, _ name: (UInt64) -> String?, _ now: Int64) -> Int {
    if isFull(key.subject) { sweep(now) }
    guard !isFull(key.subject), let names = names(of: key.subject, name) else {
      overflow &+= 1
      return otherSeries(key, name, now)
    }
    return insert(key, names, now)
  }

  private func names(of subject: Subject, _ name: (UInt64) -> String?) -> (String, String)? {
    switch subject {
    case .request(let service, let operation, _):
      // An operation without a name is one.
      guard let service = name(service), let operation = operation == TextHash.empty ? "" : name(operation) else {
        return nil
      }
      return (Self.abridged(service), Self.abridged(operation))
    case .call(let client, let server):
      guard let client = name(client), let server = name(server) else { return nil }
      return (Self.abridged(client), Self.abridged(server))
    }
  }

  /// Whether a subject has no place left.
  private func isFull(_ subject: Subject) -> Bool {
    switch subject {
    case .call: callCount >= limit
    case .request(let service, _, _):
      requestCount >= limit || serviceCounts[service, default: 0] >= max(1, limit / Self.serviceShare)
    }
  }

  /// A name as it is shown: one that is too long has its beginning and a hash, so that two stay two. A name that ends like these is
  /// abridged too, so that none can be made to look like another one.
  private static func abridged(_ name: String) -> String {
    let mark = "…#"
    let end = mark.utf8.count + 16
    if name.utf8.count <= nameBytes, name.utf8.reduce(0, { $0 + cost($1) }) <= nameBytes,
      !name.utf8.suffix(end).starts(with: mark.utf8)
    {
      return name
    }
    var room = nameBytes - end
    let beginning = name.unicodeScalars.prefix { scalar in
      room -= UTF8.width(scalar) + (scalar.isASCII ? cost(UInt8(scalar.value)) - 1 : 0)
      return room >= 0
    }
    return String(beginning) + mark + Hexadecimal.text(TextHash.hash(name))
  }

  /// How many bytes a byte of a name takes as the value of a label.
  private static func cost(_ byte: UInt8) -> Int {
    byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\n") ? 2 : 1
  }

  /// The series for what has no place: of the same service while that has one, and else of all. These are beyond the limits: at most
  /// four for each service that has places, in all not more than ``limit``, and six more.
  private mutating func otherSeries(_ key: Key, _ name: (UInt64) -> String?, _ now: Int64) -> Int {
    var wider = key
    switch key.subject {
    case .call: wider.subject = .call(client: Self.otherHash, server: Self.otherHash)
    case .request(let service, _, let isConsumer):
      let isKnown = serviceCounts[service] != nil
      wider.subject = .request(
        service: isKnown ? service : Self.otherHash, operation: Self.otherHash, isConsumer: isConsumer)
      if let known = numbers[wider] { return known }
      if isKnown, series.count - requestCount - callCount < limit, let text = name(service) {
        return insert(wider, (Self.abridged(text), Self.other), now, isCounted: false)
      }
      wider.subject = .request(service: Self.otherHash, operation: Self.otherHash, isConsumer: isConsumer)
    }
    return numbers[wider] ?? insert(wider, (Self.other, Self.other), now, isCounted: false)
  }

  private mutating func insert(_ key: Key, _ names: (String, String), _ now: Int64, isCounted: Bool = true) -> Int {
    numbers[key] = series.count
    series.append(Series(subject: key.subject, isError: key.isError, names: names, lastUse: now))
    if isCounted { change(key.subject, by: 1) }
    return series.count - 1
  }

  private mutating func change(_ subject: Subject, by amount: Int) {
    switch subject {
    case .call: callCount += amount
    case .request(let service, _, _):
      requestCount += amount
      let count = serviceCounts[service, default: 0] + amount
      serviceCounts[service] = count > 0 ? count : nil
    }
  }

  /// Removes series that have not grown for a long time. Prometheus takes them as ended.
  private mutating func sweep(_ now: Int64) {
    guard now >= nextSweep else { return }
    nextSweep = now &+ Self.sweepInterval
    let kept = series.filter { $0.lastUse > now &- Self.idleTime }
    guard kept.count < series.count else { return }
    series = kept
    (requestCount, callCount) = (0, 0)
    serviceCounts = [:]
    numbers = [:]
    frequent = [(key: Key, number: Int)?](repeating: nil, count: frequent.count)
    for (number, each) in series.enumerated() {
      numbers[Key(subject: each.subject, isError: each.isError)] = number
      if !each.subject.isOther { change(each.subject, by: 1) }
    }
  }
}

extension RequestTally.Subject {
  /// Whether it stands for what has no place.
  fileprivate var isOther: Bool {
    let other = TextHash.hash(RequestTally.other)
    switch self {
    case .call(let client, let server): return client == other && server == other
    case .request(_, let operation, _): return operation == other
    }
  }
}

extension RequestTally.Key {
  /// The key's bits, mixed.
  fileprivate var mixed: UInt64 {
    let flag: UInt64 = isError ? 1 : 0
    switch subject {
    case .request(let service, let operation, let isConsumer):
      return TextHash.fold(service ^ flag, operation ^ (isConsumer ? 0x9fb2_1c65_1e98_df25 : 0x1656_67b1_9e37_79f9))
    case .call(let client, let server): return TextHash.fold(client ^ flag, server ^ 0xc2b2_ae3d_27d4_eb4f)
    }
  }
}
