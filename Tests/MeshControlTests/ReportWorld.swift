import MeshModel
import MeshPolicy
import MeshXDS

@testable import MeshControl

/// What ``ReportForms`` asks about: receivers, arrivals and Envoys, at a time of its own.
struct ReportWorld {
  typealias Instant = ContinuousClock.Instant

  var forms: ReportForms
  let start = ContinuousClock.now
  var now: Instant
  /// Who answers at an address; nobody by default.
  var identities: [CollectorURL: ReceiverAnswer] = [:]
  /// When the last report of a proxy arrived at an address.
  var arrivals: [CollectorURL: [ProxyID: Instant]] = [:]
  /// Receivers that do not say what has arrived.
  var secretive: Set<CollectorURL> = []
  /// How many reports were answered to an Envoy; an Envoy without a number cannot be asked.
  var counts: [ProxyID: UInt64] = [:]
  /// How long every answer takes, and the answers of single receivers.
  var delay = Duration.zero
  var delays: [CollectorURL: Duration] = [:]
  /// Where proxies are to report.
  var backends: [ProxyID: (url: CollectorURL, options: ZipkinOptions)] = [:]
  /// The format of each proxy's last configuration.
  private(set) var formats: [ProxyID: TracingDestination.ZipkinFormat] = [:]
  private(set) var asked: [CollectorURL: Int] = [:]
  private(set) var reads = 0
  private(set) var counted = 0
  private(set) var computed = 0
  private(set) var log: [LogLine] = []
  private(set) var pending: [(due: Instant, action: ReportForms.Action, asked: Instant)] = []
  private(set) var faults: [String] = []

  init(limits: ReportForms.Limits = ReportForms.Limits()) {
    forms = ReportForms(limits: limits)
    now = start
  }

  static let auto = ZipkinOptions(format: .json, isAutomatic: true)
  static let known = ProxyTraits(envoyVersion: "1.40.0", hasReportRuntime: true)

  /// A proxy on another machine, or on this one with an administration interface.
  static func traits(
    _ version: String = "1.40.0", hasRuntime: Bool = true, isLocal: Bool = false, drainTime: Duration? = nil
  ) -> ProxyTraits {
    ProxyTraits(
      drainTime: drainTime, envoyVersion: version, hasReportRuntime: hasRuntime,
      address: ProxyAddress(
        remotePeer: isLocal ? "ipv4:127.0.0.1:1" : "ipv4:10.0.0.9:1", adminPort: isLocal ? 9901 : nil))
  }

  mutating func connect(_ proxy: ProxyID, _ traits: ProxyTraits = Self.known) {
    handle(.connected(proxy, traits, isLocal: traits.address.adminPort != nil))
    compute(proxy)
  }

  mutating func disconnect(_ proxy: ProxyID, _ traits: ProxyTraits = Self.known) {
    handle(.disconnected(proxy, traits))
    if forms.proxies[proxy] == nil { formats[proxy] = nil }
  }

  /// Sets the backend of a proxy.
  mutating func trace(_ proxy: ProxyID, to url: CollectorURL?, _ options: ZipkinOptions = Self.auto) {
    backends[proxy] = url.map { ($0, options) }
    if forms.proxies[proxy] != nil { compute(proxy) }
  }

  /// What the reconciler does for a connected proxy.
  mutating func compute(_ proxy: ProxyID) {
    computed += 1
    guard let (url, options) = backends[proxy] else {
      forms.chooseNothing(for: proxy, at: now)
      formats[proxy] = nil
      return
    }
    let choice = forms.choose(for: proxy, backend: "b", url: url, options, at: now)
    // A proxy that has to wait keeps what it has.
    if let choice { formats[proxy] = choice.format }
  }

  mutating func handle(_ event: ReportForms.Event) {
    for action in forms.handle(event, at: now) {
      switch action {
      case .changed(let proxy): compute(proxy)
      case .log(let line): log.append(line)
      case .ask(let url):
        asked[url, default: 0] += 1
        pending.append((now + (delays[url] ?? delay), action, now))
      case .read(let url, _):
        reads += 1
        pending.append((now + (delays[url] ?? delay), action, now))
      case .count:
        counted += 1
        pending.append((now + delay, action, now))
      }
    }
    let asks = pending.count { if case .ask = $0.action { true } else { false } }
    if asks > forms.limits.asks { faults.append("\(asks) receivers are asked at once") }
    let reads = pending.count { if case .read = $0.action { true } else { false } }
    if reads > forms.limits.reads { faults.append("\(reads) receivers are asked for arrivals at once") }
    let counts = pending.count { if case .count = $0.action { true } else { false } }
    if counts > forms.limits.counts { faults.append("\(counts) Envoys are asked at once") }
  }

  private mutating func answer(_ action: ReportForms.Action, asked start: Instant) {
    switch action {
    case .ask(let url): handle(.answered(url, identities[url] ?? .silent(why: "the connection was refused")))
    case .read(let url, let proxies):
      let known = arrivals[url] ?? [:]
      var ages: [ProxyID: Duration] = [:]
      for proxy in proxies { ages[proxy] = known[proxy].map { max(.zero, now - $0) } }
      handle(.read(url, asked: proxies, at: start, ages: secretive.contains(url) ? nil : ages))
    case .count(let proxy, _): handle(.counted(proxy, counts[proxy]))
    case .changed, .log: break
    }
  }

  /// Lets time pass, and answers questions.
  mutating func pass(_ time: Duration) {
    let end = now + time
    var steps = 0
    while true {
      steps += 1
      if steps > 200_000 { return faults.append("the next time does not advance") }
      let due = pending.indices.min { pending[$0].due < pending[$1].due }
      let dueTime = due.map { pending[$0].due }
      if let due, let dueTime, dueTime <= end, forms.nextTime.map({ dueTime <= $0 }) ?? true {
        now = max(now, dueTime)
        let (_, action, asked) = pending.remove(at: due)
        answer(action, asked: asked)
      } else if let time = forms.nextTime, time <= end {
        now = max(now, time)
        handle(.timeReached)
      } else {
        now = end
        return
      }
    }
  }

  func reason(_ proxy: ProxyID) -> ReportReason? { forms.choice(for: proxy)?.reason }
}
