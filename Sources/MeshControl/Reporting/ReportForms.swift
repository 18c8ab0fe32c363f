import MeshModel
import MeshPolicy

/// Decides the form of the reports of proxies whose backend has `apiVersion: auto`: a value, events in, actions out.
///
/// Reports are protobuf if the proxy's Envoy is known to fill and send them, and if a collector of this product receives them:
/// Envoy reverses span ids in protobuf, and only this product's collector reverses them back. Everything else gets JSON.
///
/// Receivers are asked who they are (``Receiver``). What the control plane reaches at an address need not be what a proxy reaches
/// there, so a proxy on protobuf is also watched until one of its reports has arrived (``Trial``).
struct ReportForms: Sendable {
  typealias Instant = ContinuousClock.Instant

  enum Event {
    /// A proxy has opened a stream.
    case connected(ProxyID, ProxyTraits, isLocal: Bool)
    /// A stream of a proxy has ended.
    case disconnected(ProxyID, ProxyTraits)
    /// A proxy has accepted listeners.
    case acknowledged(ProxyID)
    /// The answer to ``Action/ask(_:)``.
    case answered(CollectorURL, ReceiverAnswer)
    /// The answer to ``Action/read(_:_:)``, which was asked at a time; `nil` if there was none.
    case read(CollectorURL, asked: [ProxyID], at: Instant, ages: [ProxyID: Duration]?)
    /// The answer to ``Action/count(_:backend:)``.
    case counted(ProxyID, UInt64?)
    /// ``nextTime`` is reached.
    case timeReached
  }

  /// What to do.
  enum Action: Equatable {
    /// Ask who receives spans at an address.
    case ask(CollectorURL)
    /// Ask a receiver how long ago the last reports of proxies arrived.
    case read(CollectorURL, [ProxyID])
    /// Ask a proxy's Envoy how many reports to a backend were answered.
    case count(ProxyID, backend: String)
    /// The form of a proxy is another one now: compute its configuration again.
    case changed(ProxyID)
    case log(LogLine)
  }

  /// Times and limits.
  struct Limits {
    /// How many receivers are asked. Further ones get JSON.
    var receivers = 256
    /// Concurrent questions who a receiver is.
    var asks = 32
    /// Concurrent questions for arrivals.
    var reads = 8
    /// Concurrent questions to Envoys.
    var counts = 2
    /// How long proxies keep what they have until the first answer of a receiver.
    var patience = Duration.seconds(2)
    /// The interval of questions until the first answer.
    var firstInterval = Duration.milliseconds(500)
    /// The interval of questions.
    var interval = Duration.seconds(10)
    /// How long the last answer of a receiver holds if it is silent.
    var validity = Duration.seconds(60)
    /// How long a receiver must be a collector of this product for its earlier changes to be forgotten.
    var steadyTime = Duration.seconds(600)
    /// How long one that has changed for the second time in ``steadyTime`` must be a collector of this product before proxies
    /// send protobuf again. The time doubles with each further change, up to ``steadyTime``.
    var settleTime = Duration.seconds(30)
    /// How long after a report was answered it must have arrived.
    var transit = Duration.seconds(3)
    /// How long a proxy may be on protobuf without an arrival, if its Envoy cannot be asked.
    var probation = Duration.seconds(120)
    /// How long a new trial is watched closely, and the intervals of its questions then and later.
    var closeWatch = Duration.seconds(15)
    var closeInterval = Duration.seconds(1)
    var readInterval = Duration.seconds(5)
    var countInterval = Duration.seconds(10)
  }

  /// A connected proxy.
  struct Proxy {
    var streams: [(traits: ProxyTraits, isLocal: Bool)] = []
    /// The backend and its address, if it is one of Zipkin.
    var backend = ""
    var url: CollectorURL?
    var isAutomatic = false
    /// When the address became another one. Listeners that drain report to the earlier one.
    var moveTime: Instant?
    /// The receiver that is asked for this proxy.
    var receiver: CollectorURL?
    /// The format of its last configuration; `nil` while that waits for an answer, and for an untraced proxy.
    var format: TracingDestination.ZipkinFormat?
    var way = Way.unknown
  }

  /// Whether reports of a proxy arrive at the collector.
  enum Way {
    /// The proxy was not on protobuf yet.
    case unknown
    /// The proxy is on protobuf, and nothing has arrived yet.
    case unproven(Trial)
    /// A report has arrived.
    case proven
    /// Reports do not arrive.
    case refuted(ReportReason, at: Instant)
  }

  let limits: Limits
  var proxies: [ProxyID: Proxy] = [:]
  var receivers: [CollectorURL: Receiver] = [:]
  /// The proxies whose receiver is not asked because there are too many.
  var excess: Set<ProxyID> = []
  /// The number of running questions.
  var asking = 0
  var reading = 0
  var counting = 0

  init(limits: Limits = Limits()) { self.limits = limits }

  mutating func handle(_ event: Event, at now: Instant) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .connected(let proxy, let traits, let isLocal):
      proxies[proxy, default: Proxy()].streams.append((traits, isLocal))
      compare(proxy, at: now, &actions)
    case .disconnected(let proxy, let traits):
      guard let index = proxies[proxy]?.streams.firstIndex(where: { $0.traits == traits }) else { break }
      proxies[proxy]?.streams.remove(at: index)
      if proxies[proxy]?.streams.isEmpty == true {
        leave(proxy, at: now)
        proxies[proxy] = nil
      } else {
        compare(proxy, at: now, &actions)
      }
    case .acknowledged(let proxy): acknowledge(proxy, at: now)
    case .answered(let url, let answer): take(answer, of: url, at: now, &actions)
    case .read(let url, let asked, let start, let ages): take(ages, of: url, asked, since: start, at: now, &actions)
    case .counted(let proxy, let count): take(count, of: proxy, at: now)
    case .timeReached: reachTime(now, &actions)
    }
    return actions
  }

  // MARK: Forms

  /// The format of a proxy's reports with the reason; `nil` if its configuration has to wait for the answer of the receiver.
  typealias Choice = (format: TracingDestination.ZipkinFormat, reason: ReportReason)

  /// Notes where a connected proxy is to report, and decides in which format.
  ///
  /// - Returns: `nil` if the configuration has to wait for an answer; ``Action/changed(_:)`` follows.
  mutating func choose(
    for proxy: ProxyID, backend: String, url: CollectorURL, _ options: ZipkinOptions, at now: Instant
  ) -> Choice? {
    guard let earlier = proxies[proxy] else { return (options.format, .configured) }
    if earlier.url != url || earlier.backend != backend || earlier.isAutomatic != options.isAutomatic {
      leave(proxy, at: now)
      var state = Proxy(streams: earlier.streams, backend: backend, url: url, isAutomatic: options.isAutomatic)
      state.format = earlier.format
      if let old = earlier.url, old != url { state.moveTime = now } else { state.moveTime = earlier.moveTime }
      proxies[proxy] = state
    }
    guard options.isAutomatic else {
      proxies[proxy]?.format = options.format
      return (options.format, .configured)
    }
    if obstacle(proxy) == nil { join(proxy, url, at: now) }
    let choice = choice(for: proxy)
    proxies[proxy]?.format = choice?.format
    if choice?.format == .protobuf { beginTrial(proxy, at: now) } else { endTrial(proxy) }
    return choice
  }

  /// Notes that a connected proxy reports nothing to Zipkin.
  mutating func chooseNothing(for proxy: ProxyID, at now: Instant) {
    guard proxies[proxy]?.url != nil else { return }
    leave(proxy, at: now)
    let streams = proxies[proxy]?.streams ?? []
    proxies[proxy] = Proxy(streams: streams, moveTime: now)
  }

  /// The format of a connected proxy with the reason; `nil` if the receiver has not answered yet, or if the proxy does not
  /// report to Zipkin.
  func choice(for proxy: ProxyID) -> Choice? {
    guard let state = proxies[proxy], let url = state.url else { return nil }
    guard state.isAutomatic else { return state.format.map { ($0, .configured) } }
    if let obstacle = obstacle(proxy) { return (.json, obstacle) }
    guard state.receiver != nil, let receiver = receivers[url] else {
      return (.json, .tooManyReceivers(limits.receivers))
    }
    if receiver.verdict.isOurs, case .refuted(let reason, _) = state.way { return (.json, reason) }
    switch receiver.verdict {
    case .pending: return nil
    case .silent(let why): return (.json, .silent(url, why: why))
    case .other(let what): return (.json, .other(url, what: what))
    case .unsteady: return (.json, .unsteady(url))
    case .own: return (.protobuf, .ownCollector(url))
    case .collector: return (.protobuf, .collector(url))
    }
  }

  /// Why a proxy gets JSON, whoever the receiver is.
  private func obstacle(_ proxy: ProxyID) -> ReportReason? {
    guard let state = proxies[proxy], let url = state.url else { return nil }
    for (traits, isLocal) in state.streams {
      if !traits.hasKnownTracer { return .unknownEnvoy(version: traits.envoyVersion) }
      if !traits.hasReportRuntime { return .noRuntime }
      if HostRules.isLoopback(url.host), !isLocal { return .elsewhere(url) }
    }
    return url.path == CollectorURL.zipkinPath ? nil : .path(url)
  }

  /// Reports a proxy whose format has changed.
  mutating func compare(_ proxy: ProxyID, at now: Instant, _ actions: inout [Action]) {
    guard let state = proxies[proxy], state.isAutomatic, let url = state.url else { return }
    if obstacle(proxy) == nil { join(proxy, url, at: now) }
    if let choice = choice(for: proxy), choice.format != state.format { actions.append(.changed(proxy)) }
  }

  // MARK: Times

  /// A time at or before the next one at which ``Event/timeReached`` has to be reported.
  private(set) var nextTime: Instant?

  mutating func schedule(_ time: Instant) { nextTime = min(nextTime ?? time, time) }

  private mutating func reachTime(_ now: Instant, _ actions: inout [Action]) {
    nextTime = nil
    if receivers.count < limits.receivers { for proxy in excess.sorted() { compare(proxy, at: now, &actions) } }
    // Who has waited longest is asked first, so that slow receivers do not keep others waiting for ever.
    for url in urls(by: { $0.askTime ?? now }) { askIfDue(url, at: now, &actions) }
    for url in urls(by: \.readTime) {
      readIfDue(url, at: now, &actions)
      countIfDue(url, at: now, &actions)
    }
  }

  private func urls(by time: (Receiver) -> Instant) -> [CollectorURL] {
    receivers.map { (time: time($0.value), name: $0.key.origin, url: $0.key) }
      .sorted { ($0.time, $0.name) < ($1.time, $1.name) }.map(\.url)
  }

  // MARK: Reads

  /// Whether the Envoys of a proxy take the size of reports from the control plane.
  func hasRuntime(_ proxy: ProxyID) -> Bool {
    proxies[proxy]?.streams.allSatisfy { $0.traits.hasReportRuntime } ?? false
  }

  /// How many connected proxies report in a format, by who chose it.
  func count(_ format: TracingDestination.ZipkinFormat, isAutomatic: Bool) -> Int {
    proxies.values.count { $0.format == format && $0.isAutomatic == isAutomatic }
  }
}
