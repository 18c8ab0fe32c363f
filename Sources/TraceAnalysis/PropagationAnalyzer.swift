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
    /// A number that is never reused.
    var number: UInt64 = 0
    var service = 0
    var inbound: [InboundRequest] = []
    var started: [StartedCall] = []
    /// Requests that ended up to this moment were pruned.
    var prunedUntil: Int64 = 0
    /// For each callee, the end of the reach of the last group of calls, and the last call.
    var groupedUntil: [PairID: Int64] = [:]
    var lastCall: [PairID: Int64] = [:]
    /// Requests received.
    var received = 0
    /// Its calls to each callee.
    var tallies: [CallTally] = []
  }

  /// The state of a service.
  package struct Service: Sendable {
    /// Empty for a free slot.
    package var name = ""
    /// A number that is never reused.
    var number: UInt64 = 0
    /// Requests received, as reported by its proxies and by its own tracer.
    var inbound = Minutes<Int>(0)
    var ownInbound = Minutes<Int>(0)
    /// Its pairs by callee, as reported by its proxies and by its own tracer.
    var pairs: [String: Int] = [:]
    var ownPairs: [String: Int] = [:]
    /// Whether it has proxies. Its own tracer then reports the same requests and calls again.
    var hasProxy = false
    /// Whether its own tracer sends spans here.
    var hasTracer = false
    /// The start of the last request that its proxies reported, in microseconds since 1970.
    var lastInbound: Int64 = 0
    /// The newest examined calls to it: whether a proxy reported them as requests.
    var answers = RecentResults()
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
    /// The newest examined calls.
    var results = RecentResults()
    /// The start of the newest examined call that was fine, in microseconds since 1970.
    var lastFine: Int64 = 0
    /// The newest sizes of calls, and of the requests for which they were made.
    var sizes = CallSizes()
    var requestSizes = CallSizes()
    /// The newest calls with findings.
    var brokenCalls: [BrokenCall] = []
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
  /// Empty except in a report.
  var proxiesByService: [Int: [Int]] = [:]
  var examination = TraceExamination()
  /// The last number given to a service, a proxy or a pair.
  private var lastNumber: UInt64 = 0
  /// The number of received spans, and of spans that were dropped, here or before.
  private(set) var spanCount = 0
  private(set) var droppedCount = 0
  /// Received spans that were evicted in favor of new services, proxies or callees.
  package var evictedCount = 0
  /// The starts of the oldest and of the newest span, in microseconds since 1970.
  private var since: Int64 = 0
  private(set) var newest: Int64 = 0

  /// In milliseconds.
  private static let longestMemory: Int64 = 3_600_000
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
    for span in spans where span.timestamp / 1_000 >= first && span.timestamp / 1_000 <= last {
      if span.isInbound || span.isOutbound { add(span, now) } else { examine(own: span) }
    }
    if examination.isFull { examineTraces(until: newest) }
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
    if isProxied { services[service].hasProxy = true } else { services[service].hasTracer = true }
    let isExamined = examination.wants(span)
    if span.isInbound {
      if isExamined { examine(span, isProxied ? .request : .own, instance, nil) }
      if isProxied {
        services[service].inbound.change(at: span.timestamp) { $0 += 1 }
        services[service].lastInbound = max(services[service].lastInbound, span.timestamp)
      } else {
        services[service].ownInbound.change(at: span.timestamp) { $0 += 1 }
      }
      if span.isShared { services[service].isBesideEnvoy = true }
      guard let request = InboundRequest(span, size: isExamined ? span.requestSize : nil) else { return }
      instances[instance].inbound.append(request)
      instances[instance].received += 1
    } else {
      guard let pair = pair(service, span.callee, isOwn: !isProxied, now) else {
        droppedCount += 1
        return
      }
      pairSlots.use(pair, now)
      let pairID = PairID(slot: pair, number: pairs[pair].number)
      if isExamined { examine(span, isProxied ? .call : .own, instance, pairID) }
      guard span.isRoot else {
        pairs[pair].calls.change(at: span.timestamp) { $0.continued += 1 }
        pairs[pair].lastContinued = max(pairs[pair].lastContinued, span.timestamp)
        pairs[pair].recent.note(at: span.timestamp, isContinued: true)
        tally(pairID, instance) { $0.noteContinued(at: span.timestamp) }
        return
      }
      instances[instance].started.append(
        StartedCall(
          trace: span.traceID, pair: pairID, start: span.timestamp, requestNumber: span.requestNumber))
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
      lastNumber += 1
      services[service].number = lastNumber
      servicesByName[proxy.service] = service
    }
    makeRoomForInstance(now)
    let instance = instanceSlots.take()
    if instance == instances.count { instances.append(Instance()) }
    instances[instance].proxy = proxy
    lastNumber += 1
    instances[instance].number = lastNumber
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
    lastNumber += 1
    pairs[pair].number = lastNumber
    pairs[pair].service = service
    pairs[pair].callee = callee
    pairs[pair].isOwn = isOwn
    services[service][keyPath: names][callee] = pair
    return pair
  }
}
