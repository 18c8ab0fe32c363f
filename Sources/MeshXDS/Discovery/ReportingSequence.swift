import MeshModel

/// The order in which an Envoy's reporting values and its listeners change, so that no span is lost. A value; one stream has one.
///
/// Facts of Envoy 1.37 to 1.40. Each worker has a buffer per tracer. Its size is the minimum number of spans, M, when the tracer
/// is made. A report leaves when the buffer holds exactly M spans, and when a timer fires; the timer then reads its interval.
/// Spans beyond the size are lost, and no counter tells. So M must not exceed the size of any buffer; and a buffer that holds M
/// spans or more when M is lowered waits for its timer. A tracer that no listener has is destroyed with its buffers when the last
/// of these has drained.
///
/// The rules: each tracer is made while M is the size for all (``ReportingMode/bufferSize``). M is lowered only while all timers
/// are short. They are short when a drain of listeners with an earlier tracer ends. Listeners whose tracer is alive need none of
/// this.
struct ReportingSequence: Sendable {
  /// The state of the listeners on the stream.
  enum Listeners: Sendable, Hashable {
    /// The proxy has not asked for any yet.
    case unknown
    /// They are to be sent; `isReady` if clusters and endpoints are not in the way.
    case due(isReady: Bool)
    /// They are sent, and not answered.
    case unanswered
    /// The proxy has those of the snapshot.
    case settled
    /// The proxy has refused those of the snapshot.
    case refused
  }

  typealias Wait = DiscoveryStreamStateMachine.Wait

  private enum Tracer: Hashable {
    /// It is alive, or there is none.
    case known(ContentHash?)
    case unknown
  }

  private enum Drain {
    case none
    /// A drain is under way, and does not end soon.
    case early
    /// A drain may end now.
    case ending
  }

  /// How long listeners may be held back.
  static let longestWait = ReportingMode.longestInterval * 6 / 5
  /// Longer drains are not waited for; Envoy's default.
  static let longestDrainTime = Duration.seconds(600)
  /// How long before and after the end of a drain intervals are short.
  private static let drainMargin = Duration.seconds(1)

  /// How long replaced listeners drain.
  var drainTime = ProxyMetadata.usualDrainTime
  /// Whether it is known what the proxy held when the stream began.
  private(set) var hasBegun = false
  private var isRefused = false
  /// The tracer of the listeners that the proxy holds.
  private var tracer = Tracer.unknown
  private var mayHaveTracers = true
  private var hasSmallBuffers = false
  /// The longest interval that a timer may have; `nil` if all are short.
  private var longestInterval: Duration? = ReportingMode.longestInterval
  private var drain = Drain.none
  /// The reporting of the listeners that the proxy accepted last, and of those that it has not answered.
  private var accepted: SpanReporting?
  private var unanswered: SpanReporting?
  private var waits: [Wait.Timer: UInt64] = [:]
  private var lastWait: UInt64 = 0

  // MARK: Events

  /// What a proxy held when its stream began.
  struct Beginning: Sendable {
    /// Whether it held a runtime from an earlier stream.
    var hasRuntime: Bool
    /// The mode that it holds, if it is a known one.
    var mode: ReportingMode?
    /// Whether it held listeners.
    var hasListeners: Bool
    /// The reporting of these listeners; `nil` if they are not those of the snapshot.
    var reporting: SpanReporting?
  }

  /// Begins, once the proxy has asked for listeners.
  mutating func begin(_ beginning: Beginning) -> [Wait] {
    hasBegun = true
    let isTold = beginning.hasRuntime && beginning.mode?.hasSmallBuffers != true
    mayHaveTracers = beginning.hasListeners || isTold
    hasSmallBuffers = beginning.hasListeners && !isTold
    accepted = beginning.hasListeners ? beginning.reporting : nil
    if let accepted { tracer = .known(accepted.tracer) } else { tracer = mayHaveTracers ? .unknown : .known(nil) }
    // The interval is long again only when earlier listeners have drained, and their tracers are gone.
    if isTold, tracer == .known(nil), beginning.mode?.isTemporary == false, waitsForDrains { mayHaveTracers = false }
    guard mayHaveTracers, let mode = beginning.mode, mode.isTemporary else {
      longestInterval = mayHaveTracers ? ReportingMode.longestInterval : nil
      return []
    }
    // All timers were short before tracers were made, and M is not the size for all at other times.
    longestInterval = mode.minimumSpans == ReportingMode.bufferSize ? nil : ReportingMode.longestInterval
    // Nobody knows when the drain ends.
    drain = .ending
    return (mode.isShort ? waitForIntervals() : []) + waitForDrain()
  }

  /// A mode is being sent.
  mutating func sent(_ mode: ReportingMode) {
    guard !mode.isShort, mayHaveTracers else { return }
    longestInterval = max(longestInterval ?? .zero, mode.interval)
    waits[.intervals] = nil
  }

  /// The proxy has applied a mode.
  mutating func acknowledged(_ mode: ReportingMode) -> [Wait] {
    hasBegun && mode.isShort && waits[.intervals] == nil ? waitForIntervals() : []
  }

  /// The proxy has refused a mode: its runtime stays as it is, and nothing waits for it.
  mutating func refused() { isRefused = true }

  /// Listeners are being sent.
  mutating func sentListeners(_ reporting: SpanReporting) {
    unanswered = reporting
  }

  /// The proxy has answered the listeners that were sent last.
  mutating func answeredListeners(isAccepted: Bool) -> [Wait] {
    guard let unanswered else { return [] }
    self.unanswered = nil
    let isChange = changesTracer(unanswered)
    // It may have applied a part of what it refused, and given up its tracer.
    tracer = isAccepted ? .known(unanswered.tracer) : .unknown
    if isAccepted { accepted = unanswered }
    let hadTracers = mayHaveTracers
    if unanswered.tracer != nil { mayHaveTracers = true }
    return (isChange || !isAccepted) && hadTracers ? waitForDrain() : []
  }

  /// A time has passed.
  mutating func passed(_ wait: Wait) -> [Wait] {
    guard waits[wait.timer] == wait.number else { return [] }
    waits[wait.timer] = nil
    switch (wait.timer, drain) {
    case (.intervals, _): longestInterval = nil
    case (.drain, .early):
      drain = .ending
      return [self.wait(.drain, Self.drainMargin * 2)]
    case (.drain, _):
      drain = .none
      if tracer == .known(nil), unanswered == nil, waitsForDrains { endTracers() }
    }
    return []
  }

  /// Without a tracer there is no buffer and no timer.
  private mutating func endTracers() {
    mayHaveTracers = false
    hasSmallBuffers = false
    longestInterval = nil
    waits[.intervals] = nil
  }

  private mutating func waitForIntervals() -> [Wait] {
    guard let longestInterval else { return [] }
    return [wait(.intervals, Self.time(forTimersOf: longestInterval))]
  }

  private var waitsForDrains: Bool { drainTime <= Self.longestDrainTime }

  private mutating func waitForDrain() -> [Wait] {
    let time = min(drainTime, Self.longestDrainTime)
    // Of several drains, each ends at its own time.
    if drain == .none, longestInterval == nil, time > Self.drainMargin * 2 {
      drain = .early
      return [wait(.drain, time - Self.drainMargin)]
    }
    drain = .ending
    return [wait(.drain, time + Self.drainMargin)]
  }

  private mutating func wait(_ timer: Wait.Timer, _ duration: Duration) -> Wait {
    lastWait &+= 1
    waits[timer] = lastWait
    return Wait(timer: timer, duration: duration, number: lastWait)
  }

  /// A time in which timers of an interval fire, also on a loaded machine.
  private static func time(forTimersOf interval: Duration) -> Duration { interval * 6 / 5 }

  // MARK: Decisions

  /// The mode that the proxy is to have now; `nil` to leave it as it is.
  ///
  /// - Parameters:
  ///   - held: the mode that it has; `nil` if it is not a known one.
  ///   - hasRuntime: whether it held a runtime when the stream began.
  func mode(
    for target: SpanReporting, held: ReportingMode?, hasRuntime: Bool, listeners: Listeners
  ) -> ReportingMode? {
    guard !isRefused else { return nil }
    guard hasBegun else { return hasRuntime ? nil : .first }
    switch listeners {
    case .unknown, .unanswered: return nil
    case .due(let isReady) where changesTracer(target):
      guard isReady else { return nil }
      if target.tracer != nil, longestInterval == nil { return short(bufferSize, held, target) }
      if held?.isShort == true { return nil }
      return short(held?.minimumSpans ?? bufferSize, held, target)
    case .due, .settled: return mode(of: target, held: held)
    case .refused: return mode(of: target.cautious(accepted ?? .untraced), held: held)
    }
  }

  /// Whether listeners may be sent to a proxy that has a mode, and has acknowledged it.
  func admits(_ target: SpanReporting, held: ReportingMode?) -> Bool {
    if isRefused || !changesTracer(target) { return true }
    guard let held, held.isShort else { return false }
    guard target.tracer == nil else { return held.minimumSpans == bufferSize && longestInterval == nil }
    // The timers become short while the listeners drain.
    return Self.time(forTimersOf: longestInterval ?? .zero) <= drainTime
  }

  private func mode(of target: SpanReporting, held: ReportingMode?) -> ReportingMode {
    var mode = ReportingMode(target)
    mode.hasSmallBuffers = hasSmallBuffers
    mode.minimumSpans = min(mode.minimumSpans, bufferSize)
    let minimum = held?.minimumSpans ?? bufferSize
    if mode.minimumSpans < minimum, longestInterval != nil { return short(minimum, held, target) }
    switch drain {
    case .none: break
    case .early: mode.interval = ReportingMode.drainInterval
    case .ending: mode.interval = ReportingMode.shortInterval
    }
    return mode
  }

  private func short(_ minimumSpans: Int, _ held: ReportingMode?, _ target: SpanReporting) -> ReportingMode {
    var mode = ReportingMode(target)
    mode.minimumSpans = min(minimumSpans, bufferSize)
    mode.interval = ReportingMode.shortInterval
    mode.requestTimeout = max(mode.requestTimeout, held?.requestTimeout ?? .zero)
    mode.hasSmallBuffers = hasSmallBuffers
    return mode
  }

  private var bufferSize: Int {
    hasSmallBuffers ? ReportingMode.smallBufferSize : ReportingMode.bufferSize
  }

  /// Whether listeners with a reporting make a tracer, or give up the one that the proxy's listeners have.
  func changesTracer(_ target: SpanReporting) -> Bool {
    switch tracer {
    case .known(let known): known != target.tracer
    case .unknown: target.tracer != nil || mayHaveTracers
    }
  }
}

extension SpanReporting {
  /// Values for listeners of which some have this reporting and some another one.
  fileprivate func cautious(_ other: SpanReporting) -> SpanReporting {
    var merged = self
    merged.minimumSpans = min(minimumSpans, other.minimumSpans)
    merged.flushInterval = min(flushInterval, other.flushInterval)
    merged.requestTimeout = max(requestTimeout, other.requestTimeout)
    return merged
  }
}
