public import TraceModel

/// Finds services that receive requests with a trace and make calls for them without it.
///
/// A proxy sees both the requests that its service received and those that it sent. A sent request continues a trace if the
/// service copied the headers, and begins one if not. Calls that a service makes on its own account begin traces too.
/// ``ChanceTest`` tells them apart. Without evidence, no service is blamed.
///
/// A value without clock, store or thread. Spans may arrive in any order. Memory is bounded by ``PropagationLimits`` for any
/// input: the least used entries are evicted and counted.
public struct PropagationAnalyzer: Sendable {
  /// A call that began a trace and is not judged yet.
  struct StartedCall: Sendable {
    let trace: TraceID
    let pair: PairID
    /// In microseconds since 1970.
    let start: Int64
    let requestNumber: UInt64
  }

  /// The identity of a pair, for references that may outlive it: its slot may be reused by another pair.
  struct PairID: Hashable, Sendable {
    let slot: Int
    let number: UInt64
  }

  /// The state of a proxy.
  struct Instance: Sendable {
    /// `nil` for a free slot.
    var proxy: ProxyInstance?
    var service = 0
    var inbound: [InboundRequest] = []
    var started: [StartedCall] = []
    /// Requests that ended up to this moment were pruned.
    var prunedUntil: Int64 = 0
    /// For each callee, the end of the reach of the last group of calls, and the last call.
    var groupedUntil: [PairID: Int64] = [:]
    var lastCall: [PairID: Int64] = [:]
  }

  /// The state of a service.
  package struct Service: Sendable {
    /// Empty for a free slot.
    package var name = ""
    /// Requests received, as reported by its proxies and by its own tracer.
    var inbound = Minutes<Int>(0)
    var ownInbound = Minutes<Int>(0)
    /// Its pairs by callee, as reported by its proxies and by its own tracer.
    var pairs: [String: Int] = [:]
    var ownPairs: [String: Int] = [:]
    /// Whether it has proxies. Its own tracer then reports the same requests and calls again.
    var hasProxy = false
    /// Whether its spans come from proxies that forward B3 headers.
    var isBesideEnvoy = false
    /// Its spans that were evicted.
    package var evicted = 0
  }

  /// The state of the calls from one service to another.
  struct Pair: Sendable {
    /// A number that is never reused; 0 for a free slot.
    var number: UInt64 = 0
    var service = 0
    var callee = ""
    /// Whether the service's own tracer reports the calls.
    var isOwn = false
    var calls = Minutes(CallCounts())
    var locks = LockTest()
    var examples: [PropagationReport.Example] = []
    var recent = RecentCalls()
    /// The starts of the last continued call, and of the last call during a request that began a trace, in microseconds since 1970.
    var lastContinued: Int64 = 0
    var lastStarted: Int64 = 0
    var nextExample = 0
  }

  package let limits: PropagationLimits
  /// Includes free slots, which are empty.
  package var services: [Service] = []
  var pairs: [Pair] = []
  var instances: [Instance] = []
  var serviceSlots = UsedSlots()
  var pairSlots = UsedSlots()
  var instanceSlots = UsedSlots()
  var servicesByName: [String: Int] = [:]
  var instancesByProxy: [ProxyInstance: Int] = [:]
  private var pairNumber: UInt64 = 0
  /// The number of received spans, and of spans that were dropped, here or before.
  private(set) var spanCount = 0
  private(set) var droppedCount = 0
  /// Received spans that were evicted in favor of new services, proxies or callees.
  package var evictedCount = 0
  /// The starts of the oldest and of the newest span, in microseconds since 1970.
  private var since: Int64 = 0
  private var newest: Int64 = 0

  /// In milliseconds.
  private static let longestMemory: Int64 = 3_600_000
  private static let reachesPerGroup: Int64 = 3
  private static let callsPerGroup = 16
  /// How far a proxy's clock may be ahead, in milliseconds.
  private static let largestSkew: Int64 = 600_000

  /// Creates an empty analyzer.
  public init(limits: PropagationLimits = PropagationLimits()) { self.limits = limits }

  /// Whether a moment is within the retained period, in microseconds since 1970.
  func remembers(_ time: Int64) -> Bool { since > 0 && time >= since && time >= newest - Self.longestMemory * 1_000 }

  /// Counts spans that were dropped before they reached the analyzer.
  public mutating func drop(_ count: Int) { droppedCount += count }

  /// Adds spans reported by proxies, in any order. Spans older than the retained period, or in the future, are ignored.
  ///
  /// - Parameter now: milliseconds since 1970.
  public mutating func add(_ spans: [Span], now: Int64) {
    let now = min(max(now, 0), 1 << 50)
    let first = now - Self.longestMemory
    let last = now + Self.largestSkew
    for span in spans where span.isInbound || span.isOutbound {
      if span.timestamp / 1_000 >= first, span.timestamp / 1_000 <= last { add(span, now) }
    }
  }

  private mutating func add(_ span: Span, _ now: Int64) {
    guard span.timestamp.isTimeOfDay, !span.serviceName.isEmpty, let instance = instance(of: span, now) else {
      droppedCount += 1
      return
    }
    spanCount += 1
    if since == 0 { since = span.timestamp }
    newest = max(newest, span.timestamp)
    let service = instances[instance].service
    serviceSlots.use(service, now)
    instanceSlots.use(instance, now)
    let isProxied = span.isProxied
    if isProxied { services[service].hasProxy = true }
    if span.isInbound {
      if isProxied {
        services[service].inbound.change(at: span.timestamp) { $0 += 1 }
      } else {
        services[service].ownInbound.change(at: span.timestamp) { $0 += 1 }
      }
      if span.isShared { services[service].isBesideEnvoy = true }
      guard let request = InboundRequest(span) else { return }
      instances[instance].inbound.append(request)
    } else {
      guard let pair = pair(service, span.callee, isOwn: !isProxied, now) else {
        droppedCount += 1
        return
      }
      pairSlots.use(pair, now)
      guard span.isRoot else {
        pairs[pair].calls.change(at: span.timestamp) { $0.continued += 1 }
        pairs[pair].lastContinued = max(pairs[pair].lastContinued, span.timestamp)
        pairs[pair].recent.note(at: span.timestamp, isContinued: true)
        return
      }
      instances[instance].started.append(
        StartedCall(
          trace: span.traceID, pair: PairID(slot: pair, number: pairs[pair].number), start: span.timestamp,
          requestNumber: span.requestNumber))
    }
    let share = limits.events / max(instanceSlots.count, 1)
    let room = min(max(limits.leastEventsPerProxy, share), limits.mostEventsPerProxy)
    if instances[instance].inbound.count + instances[instance].started.count > room { makeRoom(instance) }
  }

  private mutating func instance(of span: Span, _ now: Int64) -> Int? {
    let proxy = ProxyInstance(span)
    if let known = instancesByProxy[proxy] { return known }
    guard limits.services > 0, limits.proxies > 0 else { return nil }
    let service: Int
    if let known = servicesByName[proxy.service] {
      service = known
    } else {
      makeRoomForService(now)
      service = serviceSlots.take()
      if service == services.count { services.append(Service()) }
      services[service].name = proxy.service
      servicesByName[proxy.service] = service
    }
    makeRoomForInstance(now)
    let instance = instanceSlots.take()
    if instance == instances.count { instances.append(Instance()) }
    instances[instance].proxy = proxy
    instances[instance].service = service
    instancesByProxy[proxy] = instance
    return instance
  }

  private mutating func pair(_ service: Int, _ callee: String, isOwn: Bool, _ now: Int64) -> Int? {
    let names = isOwn ? \Service.ownPairs : \Service.pairs
    if let known = services[service][keyPath: names][callee] { return known }
    guard limits.calleesPerService > 0, limits.pairs > 0 else { return nil }
    makeRoomForPair(of: service, names, now)
    let pair = pairSlots.take()
    if pair == pairs.count { pairs.append(Pair()) }
    pairNumber += 1
    pairs[pair].number = pairNumber
    pairs[pair].service = service
    pairs[pair].callee = callee
    pairs[pair].isOwn = isOwn
    services[service][keyPath: names][callee] = pair
    return pair
  }

  // MARK: Judging calls

  /// Judges the calls of a proxy, then prunes the older half of its events.
  private mutating func makeRoom(_ index: Int) {
    let ends = instances[index].inbound.map(\.end).sorted()
    guard let middle = ends.isEmpty ? nil : ends[ends.count / 2] else {
      // There are calls only, and no requests for which they could have been made.
      judge(index, InboundTimeline([]), until: .max)
      return
    }
    if !instances[index].started.isEmpty {
      judge(index, InboundTimeline(instances[index].inbound), until: ends[ends.count * 3 / 4])
    }
    instances[index].inbound.removeAll { $0.end <= middle }
    instances[index].prunedUntil = max(instances[index].prunedUntil, middle)
    // The remaining calls are much newer than any request.
    if instances[index].started.count > limits.leastEventsPerProxy {
      judge(index, InboundTimeline(instances[index].inbound), until: .max)
    }
  }

  /// Judges all pending calls with the current state.
  ///
  /// - Parameter names: the services whose calls are judged; `nil` for all.
  mutating func judgeAll(of names: Set<String>? = nil) {
    for index in instances.indices where !instances[index].started.isEmpty {
      if let names, !names.contains(services[instances[index].service].name) { continue }
      judge(index, InboundTimeline(instances[index].inbound), until: .max)
    }
  }

  /// Judges the calls of a proxy that began before a moment, minus the reach.
  mutating func judge(_ index: Int, _ timeline: InboundTimeline, until: Int64) {
    let last = until == .max ? until : until - timeline.reach
    var ripe: [StartedCall] = []
    instances[index].started.removeAll { call in
      guard call.start <= last else { return false }
      ripe.append(call)
      return true
    }
    ripe.removeAll { !isKept($0.pair) }
    ripe.sort { $0.start < $1.start }
    var byNumber: [UInt64: InboundRequest] = [:]
    if ripe.contains(where: { $0.requestNumber != 0 }) {
      for request in timeline.requests where request.requestNumber != 0 { byNumber[request.requestNumber] = request }
    }
    var byPair: [PairID: [StartedCall]] = [:]
    for call in ripe {
      judge(call, index, timeline, byNumber)
      byPair[call.pair, default: []].append(call)
    }
    for (pair, calls) in byPair { group(calls, pair, index, timeline) }
    pruneCallsOfEvictedPairs(index)
  }

  /// Turns the calls from a proxy to a callee, sorted by start, into observations.
  private mutating func group(_ calls: [StartedCall], _ pair: PairID, _ index: Int, _ timeline: InboundTimeline) {
    let reach = timeline.reach
    var next = 0
    while next < calls.count {
      let first = calls[next].start
      guard first - reach >= max(instances[index].prunedUntil, instances[index].groupedUntil[pair] ?? .min) else {
        next += 1
        continue
      }
      guard first + reach <= timeline.knownUntil else { return }
      var group: [StartedCall] = []
      while next < calls.count, calls[next].start < first + Self.reachesPerGroup * reach,
        calls[next].start + reach <= timeline.knownUntil
      {
        group.append(calls[next])
        next += 1
      }
      // A sample that does not depend on times; trace ids are random.
      if group.count > Self.callsPerGroup {
        group = Array(group.sorted { $0.trace.low < $1.trace.low }.prefix(Self.callsPerGroup))
      }
      instances[index].groupedUntil[pair] = calls[next - 1].start + reach
      let observation = timeline.observation(of: group.map(\.start))
      pairs[pair.slot].calls.change(at: first) { $0.test.observe(observation) }
    }
  }

  private mutating func judge(
    _ call: StartedCall, _ index: Int, _ timeline: InboundTimeline, _ byNumber: [UInt64: InboundRequest]
  ) {
    let count = timeline.count(at: call.start)
    var counts = CallCounts()
    counts.begun = 1
    if count > 0 { counts.inFlight = 1 }
    var certain: InboundRequest?
    if call.requestNumber != 0, let request = byNumber[call.requestNumber], request.trace != call.trace,
      request.start <= call.start, request.end > call.start
    {
      certain = request
      counts.certain = 1
    }
    pairs[call.pair.slot].calls.change(at: call.start) { $0.add(counts) }
    let lastCall = instances[index].lastCall[call.pair]
    instances[index].lastCall[call.pair] = call.start
    guard count > 0 else { return }
    pairs[call.pair.slot].lastStarted = max(pairs[call.pair.slot].lastStarted, call.start)
    pairs[call.pair.slot].recent.note(at: call.start, isContinued: false)
    let candidates = timeline.candidates(at: call.start)
    guard let latest = candidates.first else { return }
    // With more requests in flight, the latest start is often of an unrelated request. Only the first call for a request counts.
    if count > 2 {
      pairs[call.pair.slot].locks.observeCrowd()
    } else if let lastCall, lastCall < latest.start {
      let end = timeline.lastEnd(before: call.start).map { call.start - $0 }
      pairs[call.pair.slot].locks.observe(
        LockTest.Sample(
          start: call.start - latest.start, end: end.flatMap { $0 <= 4 * timeline.reach ? $0 : nil },
          call: call.start - lastCall))
    }
    pairs[call.pair.slot].note(
      PropagationReport.Example(
        trace: (certain ?? latest).trace, brokenTrace: call.trace, time: call.start, candidates: count,
        isCertain: certain != nil), limit: limits.examplesPerCallee)
  }
}

extension PropagationAnalyzer.Pair {
  fileprivate mutating func note(_ example: PropagationReport.Example, limit: Int) {
    if examples.count < limit {
      examples.append(example)
    } else if limit > 0 {
      examples[nextExample] = example
      nextExample = (nextExample + 1) % limit
    }
  }
}
