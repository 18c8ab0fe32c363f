import TraceModel

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What is remembered of a sender. Times are of the steady clock, in milliseconds.
struct SenderRecord: Sendable {
  /// A host and port to which the sender reported.
  struct Place: Sendable {
    var authority: String
    var format: String
    var time: Int64
    /// When its last spans that came so were stored; nil if none was.
    var stored: Int64?
  }

  struct Refusal: Sendable {
    var reason: String
    var spans: Int
    var requests: Int
  }

  let id: String
  let kind: SenderReport.Kind
  let node: String?
  let instance: String
  private var services: [String] = []
  private var formats: [String] = []
  private(set) var places: [Place] = []
  private var userAgent = ""
  let since: Int64
  private(set) var lastSeen: Int64
  private(set) var lastStored: Int64?
  private var requests = 0
  private var spans = 0
  private var rate = DecayingRate()
  private var listeners: [SenderTally.ListenerCount] = []
  /// Spans of further listeners.
  private var otherListenerSpans = 0
  private var refused: [Refusal] = []
  private var lastRefusal: (reason: String, time: Int64, status: Int)?
  private var offsets = ClockOffsets()
  private var units: [TimeUnit: Int] = [:]
  private var brokenIDs = 0
  private(set) var reusedIDs = 0
  /// The first span of an earlier request, and when that came.
  private var firstUse: (use: SenderTally.SpanUse, time: Int64)?
  private var remarks = SpanRemarks()
  private var traitBits: UInt16 = 0
  private var newestTrace: TraceID?
  /// About how many bytes its texts take, by which memory is bounded.
  private(set) var textBytes = 0

  static let reasonsAtMost = 8
  static let namesAtMost = 4
  private static let formatsAtMost = 8

  init(
    id: String, kind: SenderReport.Kind, node: String?, instance: String, now: Int64
  ) {
    (self.id, self.kind, self.node, self.instance, since, lastSeen) = (id, kind, node, instance, now, now)
    textBytes = id.utf8.count + (node?.utf8.count ?? 0) + instance.utf8.count
  }

  /// Notes a request whose spans are durable.
  ///
  /// - Parameter hide: hides secrets in names.
  mutating func note(
    _ group: SenderTally.Group, _ request: SenderRequest, now: Int64, wall: Int64, hide: (String) -> String
  ) {
    let place = see(request, now: now, hide)
    if !group.service.isEmpty { add(group.service, to: \.services, atMost: Self.namesAtMost, hide) }
    if !request.format.isEmpty { add(request.format, to: \.formats, atMost: Self.formatsAtMost, { $0 }) }
    for refusal in group.refused {
      refuse(refusal.reason, spans: refusal.spans, status: request.status, now: now, hide)
    }
    brokenIDs += group.brokenIDs
    guard group.spans > 0 else { return }
    if let place { places[place].stored = now }
    spans += group.spans
    lastStored = now
    rate.add(group.spans, now: now)
    newestTrace = group.newestTrace
    if let use = group.firstUse { compare(use, now: now) }
    traitBits |= group.traitBits
    for counted in group.listeners { add(counted, hide) }
    if group.newestEnd > 0 { offsets.add(wall &- group.newestEnd / 1_000) }
    for (unit, count) in group.units { units[unit, default: 0] += count }
  }

  /// Notes a request of which nothing was stored, and no span could be read.
  mutating func noteUnreadable(_ reason: String, _ request: SenderRequest, now: Int64, hide: (String) -> String) {
    see(request, now: now, hide)
    if !request.format.isEmpty { add(request.format, to: \.formats, atMost: Self.formatsAtMost, { $0 }) }
    refuse(reason, spans: 0, status: request.status, now: now, hide)
  }

  /// Finds a sender whose ids are always the same.
  private mutating func compare(_ use: SenderTally.SpanUse, now: Int64) {
    if let known = firstUse, now &- known.time < SpanUses.memory {
      if SpanUses.isReused(use, known.use) { reusedIDs += 1 }
    } else {
      firstUse = (use, now)
    }
  }

  mutating func addReusedIDs(_ count: Int) { reusedIDs += count }

  mutating func add(_ more: SpanRemarks) { remarks.add(more) }

  /// - Returns: the position of the place to which the request was sent; nil if it names none.
  @discardableResult
  private mutating func see(_ request: SenderRequest, now: Int64, _ hide: (String) -> String) -> Int? {
    requests += 1
    lastSeen = now
    if request.userAgent != userAgent {
      let shown = hide(request.userAgent)
      textBytes += shown.utf8.count - userAgent.utf8.count
      userAgent = shown
    }
    guard !request.authority.isEmpty else { return nil }
    if let index = places.firstIndex(where: { $0.authority == request.authority }) {
      if places[index].format != request.format { places[index].format = request.format }
      places[index].time = now
      return index
    }
    if places.count >= Self.namesAtMost, let oldest = places.indices.min(by: { places[$0].time < places[$1].time }) {
      textBytes -= places.remove(at: oldest).authority.utf8.count
    }
    places.append(Place(authority: request.authority, format: request.format, time: now))
    textBytes += request.authority.utf8.count
    return places.count - 1
  }

  private mutating func add(
    _ name: String, to list: WritableKeyPath<SenderRecord, [String]>, atMost limit: Int, _ hide: (String) -> String
  ) {
    guard self[keyPath: list].count < limit, !self[keyPath: list].contains(name) else { return }
    let shown = hide(name)
    guard !self[keyPath: list].contains(shown) else { return }
    self[keyPath: list].append(shown)
    textBytes += shown.utf8.count
  }

  private mutating func add(_ counted: SenderTally.ListenerCount, _ hide: (String) -> String) {
    for index in 0..<listeners.count where listeners[index].key == counted.key {
      listeners[index].spans += counted.spans
      return
    }
    guard counted.key != 0, listeners.count < SenderTally.listenersAtMost else {
      otherListenerSpans += counted.spans
      return
    }
    var listener = counted.listener
    listener.cluster = hide(listener.cluster)
    listeners.append(.init(key: counted.key, listener: listener, spans: counted.spans))
    textBytes += listener.cluster.utf8.count + 32
  }

  private mutating func refuse(
    _ reason: String, spans: Int, status: Int, now: Int64, _ hide: (String) -> String
  ) {
    let reason = hide(SenderTally.name(reason))
    lastRefusal = (reason, now, status)
    if let index = refused.firstIndex(where: { $0.reason == reason }) {
      refused[index].spans += spans
      refused[index].requests += 1
      return
    }
    // The reason with the smallest number makes room.
    if refused.count >= Self.reasonsAtMost,
      let least = refused.indices.min(by: { refused[$0].spans < refused[$1].spans })
    {
      textBytes -= refused.remove(at: least).reason.utf8.count
    }
    refused.append(Refusal(reason: reason, spans: spans, requests: 1))
    textBytes += reason.utf8.count
  }

  // MARK: Reports

  /// - Parameters:
  ///   - now: the present of the steady clock.
  ///   - wall: the present in milliseconds since 1970.
  func report(now: Int64, wall: Int64) -> SenderReport {
    func time(_ steady: Int64) -> Int64 { wall &- max(0, now &- steady) }
    var report = SenderReport(id: id, kind: kind, node: node, since: time(since))
    report.services = services
    report.instance = instance
    report.userAgent = userAgent
    report.formats = formats
    report.authorities = places.map(\.authority)
    report.lastSeen = time(lastSeen)
    report.lastStored = lastStored.map(time)
    report.requests = requests
    report.spans = spans
    report.rate = rate.perSecond(now: now)
    for counted in listeners { report.listeners[counted.listener, default: 0] += counted.spans }
    if otherListenerSpans > 0 {
      report.listeners[SpanListener(side: .unknown, cluster: ""), default: 0] += otherListenerSpans
    }
    report.refused = refused.map { .init(reason: $0.reason, spans: $0.spans, requests: $0.requests) }
    report.lastRefusal = lastRefusal.map { .init(reason: $0.reason, time: time($0.time), status: $0.status) }
    report.clockOffset = offsets.value
    let format = formats.last ?? ""
    if let (unit, count) = units.max(by: { $0.value < $1.value }) {
      report.wrongUnit = unit.written(inFormatOf: format)
      report.wrongUnitSpans = count
    }
    report.brokenIDs = brokenIDs
    report.reusedIDs = reusedIDs
    report.remarks = remarks.all
    report.unknownKeys = remarks.keys
    let traits = SenderTraits(rawValue: traitBits)
    if traits.contains(.traceState) { report.propagators.append("W3C") }
    report.isOfOpenTelemetry = traits.contains(.openTelemetry)
    report.deprecated = SenderAdvice.deprecated(traits, formats)
    report.newestTrace = newestTrace
    report.advice = SenderAdvice.advice(report)
    return report
  }
}

extension TimeUnit {
  /// The unit of the sender's field, if the time that was made of it suggests this unit in the place of microseconds. OTLP has
  /// nanoseconds, of which the parser makes microseconds.
  func written(inFormatOf format: String) -> TimeUnit {
    guard format.hasPrefix("otlp") else { return self }
    switch self {
    case .seconds: return .milliseconds
    case .milliseconds: return .microseconds
    case .microseconds, .nanoseconds: return .nanoseconds
    }
  }
}

/// How many spans come in a second, over about the last minute.
private struct DecayingRate: Sendable {
  private var value = 0.0
  private var last: Int64 = 0
  private var first: Int64?
  /// In milliseconds.
  private static let period = 60_000.0

  mutating func add(_ count: Int, now: Int64) {
    if first == nil { (first, last) = (now, now) }
    value = decayed(now) + Double(count)
    last = max(last, now)
  }

  private func decayed(_ now: Int64) -> Double { value * exp(-Double(max(0, now &- last)) / Self.period) }

  func perSecond(now: Int64) -> Double {
    guard let first else { return 0 }
    // What the sum would be of one span per second since the first report.
    let weight = 1 - exp(-max(Double(now &- first), 1_000) / Self.period)
    return decayed(now) / (weight * Self.period / 1_000)
  }
}

/// How long after their newest spans the last reports of a sender came.
private struct ClockOffsets: Sendable {
  private var values: [Int64] = []
  private var next = 0
  private static let count = 15

  mutating func add(_ milliseconds: Int64) {
    if values.count < Self.count {
      values.append(milliseconds)
    } else {
      values[next] = milliseconds
      next = (next + 1) % Self.count
    }
  }

  /// The value that a fifth are below; of fewer than five the middle.
  var value: Int64? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    return sorted[values.count < 5 ? (values.count - 1) / 2 : values.count / 5]
  }
}
