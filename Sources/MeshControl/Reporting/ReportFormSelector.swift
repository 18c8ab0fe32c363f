package import Logging
package import MeshModel
package import MeshPolicy
package import MeshXDS
import Notifications
import Synchronization

/// Selects the form in which each connected proxy reports its spans.
///
/// ``ReportForms`` decides; ``ReceiverWatch`` asks what has to be known for it.
package final class ReportFormSelector: Sendable {
  private struct State {
    var forms: ReportForms
    var changed: Set<ProxyID> = []
    /// When the next thing is due without an event.
    var timer: ContinuousClock.Instant?
  }

  private let state: Mutex<State>
  private let isLocal: @Sendable (ProxyAddress) -> Bool
  private let logger: Logger
  /// Wakes whoever handles the time when something is due.
  let wakeUps = WakeUps()
  /// Yields when ``takeChanged()`` may return proxies.
  let updates: AsyncStream<Void>
  private let update: AsyncStream<Void>.Continuation

  /// - Parameter isLocal: whether a proxy is on the machine of this program.
  package convenience init(logger: Logger, isLocal: @escaping @Sendable (ProxyAddress) -> Bool) {
    self.init(limits: ReportForms.Limits(), logger: logger, isLocal: isLocal)
  }

  init(limits: ReportForms.Limits, logger: Logger, isLocal: @escaping @Sendable (ProxyAddress) -> Bool) {
    state = Mutex(State(forms: ReportForms(limits: limits)))
    self.isLocal = isLocal
    self.logger = logger
    (updates, update) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  // MARK: Times

  /// When to wake up for the next thing that is due; `nil` if nothing is.
  func nextTime() -> ContinuousClock.Instant? {
    state.withLock { state in
      state.timer = state.forms.nextTime
      return state.timer
    }
  }

  /// No further changes follow.
  func finish() { update.finish() }

  // MARK: Events

  /// Changes the state, and wakes what has to be woken.
  ///
  /// - Returns: the questions to ask.
  private func change<Result>(
    _ body: (inout ReportForms, ContinuousClock.Instant) -> (Result, [ReportForms.Action])
  ) -> (Result, [ReportForms.Action]) {
    let (result, actions, isEarlier, hasChanged) = state.withLock { state in
      let (result, actions) = body(&state.forms, .now)
      var hasChanged = false
      for case .changed(let proxy) in actions {
        state.changed.insert(proxy)
        hasChanged = true
      }
      let next = state.forms.nextTime
      let isEarlier = next.map { next in state.timer.map { next < $0 } ?? true } ?? false
      if isEarlier { state.timer = next }
      return (result, actions, isEarlier, hasChanged)
    }
    if hasChanged { update.yield() }
    if isEarlier { wakeUps.wake() }
    return (result, actions)
  }

  /// Takes an answer, or the time.
  ///
  /// - Returns: the questions to ask.
  func handle(_ event: ReportForms.Event) -> [ReportForms.Action] {
    let (_, actions) = change { forms, now in ((), forms.handle(event, at: now)) }
    var questions: [ReportForms.Action] = []
    for action in actions {
      switch action {
      case .ask, .read, .count: questions.append(action)
      case .changed: break
      case .log(let line): logger.log(line)
      }
    }
    return questions
  }

  // MARK: Proxies

  /// A proxy has opened a stream.
  func connect(_ proxy: ProxyID, _ traits: ProxyTraits) {
    _ = handle(.connected(proxy, traits, isLocal: isLocal(traits.address)))
  }

  /// A stream of a proxy has ended.
  func disconnect(_ proxy: ProxyID, _ traits: ProxyTraits) { _ = handle(.disconnected(proxy, traits)) }

  /// A proxy has accepted listeners.
  func acknowledge(_ proxy: ProxyID) { _ = handle(.acknowledged(proxy)) }

  /// The proxies whose form has changed since the last call.
  func takeChanged() -> Set<ProxyID> {
    state.withLock { state in
      defer { state.changed = [] }
      return state.changed
    }
  }

  /// Sets the format of a connected proxy's reports.
  ///
  /// - Returns: false if the configuration has to wait for the answer of a receiver. ``updates`` follows.
  func chooseFormat(of configuration: inout ProxyConfiguration) -> Bool {
    let proxy = configuration.proxy
    guard let tracing = configuration.tracing, case .zipkin(let url, var options) = tracing.receiver else {
      _ = change { forms, now in (forms.chooseNothing(for: proxy, at: now), []) }
      return true
    }
    let (choice, _) = change { [options] forms, now in
      (forms.choose(for: proxy, backend: tracing.backend, url: url, options, at: now), [])
    }
    guard let choice else { return false }
    options.format = choice.format
    configuration.tracing?.receiver = .zipkin(url, options)
    return true
  }

  /// A proxy has no configuration any more.
  func forget(_ proxy: ProxyID) { _ = change { forms, now in (forms.chooseNothing(for: proxy, at: now), []) } }

  // MARK: Reads

  /// Whether a collector of this product answers at a URL, as far as receivers there are asked who they are.
  package func isCollector(at url: CollectorURL) -> Bool { state.withLock { $0.forms.isCollector(at: url) } }

  /// The form of a connected proxy's reports; `nil` when it does not report to Zipkin, or is still to get its configuration.
  ///
  /// - Parameter tracing: where its spans go.
  package func reports(of proxy: ProxyID, to tracing: TracingDestination) -> ReportForm? {
    guard case .zipkin(let url, var options) = tracing.receiver, let form = form(of: proxy) else { return nil }
    options.format = form.format
    var tracing = tracing
    tracing.receiver = .zipkin(url, options)
    let reporting = form.hasRuntime ? SpanReporting(tracing) : .untraced
    return ReportForm(
      format: form.format, spans: reporting.minimumSpans, interval: reporting.flushInterval, reason: form.reason)
  }

  /// The format of a connected proxy's reports and why, and whether the control plane sets their size; `nil` if it does not
  /// report to Zipkin, or is still to get its configuration.
  func form(of proxy: ProxyID) -> (format: TracingDestination.ZipkinFormat, reason: String, hasRuntime: Bool)? {
    state.withLock { state in
      state.forms.choice(for: proxy).map { ($0.format, $0.reason.words, state.forms.hasRuntime(proxy)) }
    }
  }

  /// How many receivers are asked who they are, and how many may be.
  package var receivers: (count: Int, limit: Int) {
    state.withLock { ($0.forms.receivers.count, $0.forms.limits.receivers) }
  }

  /// How many connected proxies report in a format. `isAutomatic`: whether the control plane chose it.
  package func count(_ format: TracingDestination.ZipkinFormat, isAutomatic: Bool) -> Int {
    state.withLock { $0.forms.count(format, isAutomatic: isAutomatic) }
  }
}
