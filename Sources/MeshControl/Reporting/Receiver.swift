import MeshModel
import MeshPolicy

/// What is known of a receiver of spans.
struct Receiver: Sendable {
  /// Who it is.
  enum Verdict: Equatable {
    /// It has not answered yet, and there is still time.
    case pending
    /// It does not answer.
    case silent(why: String)
    /// It is another product.
    case other(what: String)
    /// It is a collector of this product now, and was something else too often lately.
    case unsteady
    /// It is this control plane's collector.
    case own
    /// It is another collector of this product.
    case collector

    /// Whether it accepts the protobuf of Envoy.
    var isOurs: Bool { self == .own || self == .collector }

    /// Whether two verdicts differ only in details.
    func isLike(_ other: Verdict) -> Bool {
      switch (self, other) {
      case (.pending, .pending), (.silent, .silent), (.other, .other), (.unsteady, .unsteady), (.other, .unsteady),
        (.unsteady, .other):
        true
      default: isOurs && other.isOurs
      }
    }
  }

  /// The proxies that report to it and could send protobuf.
  var proxies: Set<ProxyID> = []
  /// Those of which no report has arrived, see ``Trial``.
  var watched: Set<ProxyID> = []
  /// Since when it is asked.
  let since: ContinuousClock.Instant
  private(set) var verdict = Verdict.pending
  /// The last answer other than silence, and its time.
  private(set) var answer: ReceiverAnswer?
  private var answerTime: ContinuousClock.Instant
  /// Why it was silent the last time.
  private var silence = "it has not answered yet"
  /// Arrivals before this time prove nothing: another product had the address.
  private(set) var proofTime: ContinuousClock.Instant?
  /// How often it has ceased to be a collector of this product, and since when it is one.
  private var falls = 0
  private var oursSince: ContinuousClock.Instant?
  /// When proxies could last send protobuf to it.
  private var lastRise: ContinuousClock.Instant?
  /// When to ask who it is; `nil` while a question is running.
  var askTime: ContinuousClock.Instant?
  /// When to ask for arrivals.
  var readTime: ContinuousClock.Instant
  var isReading = false

  init(since now: ContinuousClock.Instant) {
    since = now
    answerTime = now
    askTime = now
    readTime = now
  }

  /// Takes an answer.
  mutating func take(_ answer: ReceiverAnswer, at now: ContinuousClock.Instant) {
    if case .silent(let why) = answer {
      silence = why
      return
    }
    if case .other = self.answer { proofTime = now }
    if case .other = answer { oursSince = nil } else { oursSince = oursSince ?? now }
    self.answer = answer
    answerTime = now
  }

  /// Takes a verdict. Each change moves all its proxies, and while they move, their reports are small and dear.
  mutating func set(_ verdict: Verdict, at now: ContinuousClock.Instant, _ limits: ReportForms.Limits) {
    if self.verdict.isOurs, !verdict.isOurs {
      let wasSteady = lastRise.map { now - $0 >= limits.steadyTime } ?? false
      falls = wasSteady ? 1 : falls + 1
      // It has to answer again, also after silence.
      oursSince = nil
    } else if verdict.isOurs, !self.verdict.isOurs {
      lastRise = now
    }
    self.verdict = verdict
  }

  /// How long it must be a collector of this product before it counts as one.
  private func settleTime(_ limits: ReportForms.Limits) -> Duration {
    guard falls > 1 else { return .zero }
    return min(limits.settleTime * (1 << min(falls - 2, 16)), limits.steadyTime)
  }

  /// Who it is at a time.
  func verdict(at now: ContinuousClock.Instant, _ limits: ReportForms.Limits) -> Verdict {
    guard let answer else { return now < since + limits.patience ? .pending : .silent(why: silence) }
    guard now < answerTime + limits.validity else { return .silent(why: silence) }
    switch answer {
    case .own, .collector:
      guard let oursSince, now >= oursSince + settleTime(limits) else { return .unsteady }
    case .other, .silent: break
    }
    return switch answer {
    case .own: .own
    case .collector: .collector
    case .other(let what): .other(what: what)
    case .silent(let why): .silent(why: why)
    }
  }
}

extension ReportForms {
  /// Whether a collector of this product answers at a URL.
  func isCollector(at url: CollectorURL) -> Bool { receivers[url]?.verdict.isOurs == true }

  /// Asks a receiver for a proxy, if there is room.
  mutating func join(_ proxy: ProxyID, _ url: CollectorURL, at now: Instant) {
    guard proxies[proxy]?.receiver == nil else { return }
    if receivers[url] == nil {
      guard receivers.count < limits.receivers else {
        excess.insert(proxy)
        return
      }
      receivers[url] = Receiver(since: now)
      schedule(now)
    }
    receivers[url]?.proxies.insert(proxy)
    proxies[proxy]?.receiver = url
    excess.remove(proxy)
  }

  /// Undoes ``join(_:_:at:)``. A receiver without proxies is forgotten.
  mutating func leave(_ proxy: ProxyID, at now: Instant) {
    excess.remove(proxy)
    guard let url = proxies[proxy]?.receiver else { return }
    proxies[proxy]?.receiver = nil
    receivers[url]?.proxies.remove(proxy)
    receivers[url]?.watched.remove(proxy)
    guard receivers[url]?.proxies.isEmpty == true else { return }
    receivers[url] = nil
    // There is room for another one.
    if !excess.isEmpty { schedule(now) }
  }

  mutating func askIfDue(_ url: CollectorURL, at now: Instant, _ actions: inout [Action]) {
    guard let receiver = receivers[url] else { return }
    if receiver.verdict == .pending {
      let end = receiver.since + limits.patience
      if end <= now { judge(url, at: now, &actions) } else { schedule(end) }
    }
    guard let time = receiver.askTime else { return }
    guard time <= now else { return schedule(time) }
    // An answer makes room.
    guard asking < limits.asks else { return }
    asking += 1
    receivers[url]?.askTime = nil
    actions.append(.ask(url))
  }

  mutating func take(
    _ answer: ReceiverAnswer, of url: CollectorURL, at now: Instant, _ actions: inout [Action]
  ) {
    asking -= 1
    schedule(now)
    guard receivers[url] != nil else { return }
    receivers[url]?.take(answer, at: now)
    judge(url, at: now, &actions)
    let interval = receivers[url]?.verdict == .pending ? limits.firstInterval : limits.interval
    receivers[url]?.askTime = now + interval
    schedule(now + interval)
  }

  /// Takes the consequences of what a receiver has answered or not.
  private mutating func judge(_ url: CollectorURL, at now: Instant, _ actions: inout [Action]) {
    let limits = limits
    guard let receiver = receivers[url] else { return }
    let verdict = receiver.verdict(at: now, limits)
    guard verdict != receiver.verdict else { return }
    receivers[url]?.set(verdict, at: now, limits)
    if verdict.isOurs != receiver.verdict.isOurs {
      // What was proven about the way was proven about another receiver.
      receivers[url]?.watched = []
      for proxy in receiver.proxies { proxies[proxy]?.way = .unknown }
    }
    if !verdict.isLike(receiver.verdict) {
      actions.append(.log(verdict.logLine(of: url, wasOurs: receiver.verdict.isOurs)))
    }
    for proxy in receiver.proxies.sorted() { compare(proxy, at: now, &actions) }
  }
}

extension Receiver.Verdict {
  fileprivate func logLine(of url: CollectorURL, wasOurs: Bool) -> LogLine {
    let address = ["url": url.origin]
    switch self {
    case .own, .collector, .pending:
      return LogLine(.info, "proxies with apiVersion auto report to a kuma-trace collector in protobuf", address)
    case .other(let what):
      let message = "another kind of collector answers where proxies with apiVersion auto report; they use JSON"
      return LogLine(wasOurs ? .warning : .info, message, address.merging(["reason": "it answers \(what)"]) { $1 })
    case .unsteady:
      let message =
        "a kuma-trace collector and something else answer by turns where proxies with apiVersion auto report; they use JSON"
      return LogLine(.warning, message, address)
    case .silent(let why):
      let message = "a receiver of spans does not say who it is; proxies with apiVersion auto report to it in JSON"
      return LogLine(.warning, message, address.merging(["reason": why]) { $1 })
    }
  }
}
