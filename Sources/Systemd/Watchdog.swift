import Dispatch
import Synchronization

/// Gives the service manager's watchdog signs of life, as its ``WatchdogPlan`` says. It has a queue of its own, since it watches the
/// threads that everything else runs on.
package final class Watchdog: Sendable {
  /// A part of the process that has to answer.
  package struct Part: Sendable {
    /// Its name for the log.
    package var name: String
    /// Puts a question to it, which must not block; the part calls the closure when it comes to it.
    package var ask: @Sendable (@escaping @Sendable () -> Void) -> Void

    /// Makes a part.
    package init(_ name: String, ask: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
      self.name = name
      self.ask = ask
    }

    /// A part that tasks do.
    ///
    /// - Parameter work: the work, of which only the end counts.
    package static func task(_ name: String, _ work: @escaping @Sendable () async -> Void) -> Part {
      Part(name) { answer in
        // Nobody may wait for it: that it does not end is what the watchdog finds out. There is one at a time, as the plan asks a
        // part again only after its answer.
        Task {
          await work()
          answer()
        }
      }
    }
  }

  private let manager: ServiceManager
  private let parts: [Part]
  private let plan: Mutex<WatchdogPlan>
  private let report: @Sendable (Report) -> Void
  private let queue = DispatchQueue(label: "watchdog", qos: .userInitiated)
  /// Dispatch's sources may be used by several threads; their type does not say so.
  private nonisolated(unsafe) let timer: any DispatchSourceTimer
  private let isStarted = Mutex(false)

  /// What is worth a line in the log.
  package enum Report: Sendable, Hashable {
    /// These parts have not answered for a quarter of the interval; no signs of life until they do.
    case silent([String])
    /// All parts answer again.
    case well
    /// The service manager could not be told.
    case failed(String)
  }

  /// - Parameters:
  ///   - interval: the watchdog's.
  ///   - report: called on the watchdog's queue.
  package init(
    _ manager: ServiceManager, interval: Duration, parts: [Part], report: @escaping @Sendable (Report) -> Void
  ) {
    self.manager = manager
    self.parts = parts
    self.report = report
    let plan = WatchdogPlan(interval: interval, parts: parts.map(\.name))
    self.plan = Mutex(plan)
    timer = DispatchSource.makeTimerSource(queue: queue)
    let (seconds, attoseconds) = plan.period.components
    let nanoseconds = Int(clamping: min(seconds, 1_000_000) * 1_000_000_000 + attoseconds / 1_000_000_000)
    timer.schedule(deadline: .now(), repeating: .nanoseconds(nanoseconds))
    timer.setEventHandler { [weak self] in self?.tick() }
  }

  deinit {
    timer.cancel()
    // A source must not be released before it was started.
    start()
  }

  /// Begins. Call it after the readiness was told.
  package func start() {
    let isFirst = isStarted.withLock { isStarted in
      defer { isStarted = true }
      return !isStarted
    }
    if isFirst { timer.resume() }
  }

  /// The process has begun to end, and the parts may be gone: signs of life no longer depend on them.
  package func processEnds() {
    plan.withLock { $0.askNobody() }
  }

  private func tick() {
    let now = ContinuousClock.now
    let actions = plan.withLock { $0.tick(at: Self.epoch.duration(to: now)) }
    for action in actions {
      switch action {
      case .ask(let index): parts[index].ask { [weak self] in self?.plan.withLock { $0.answered(index) } }
      case .tellAlive: if let failure = manager.tellAlive() { report(.failed(failure)) }
      case .reportSilent(let names): report(.silent(names))
      case .reportWell: report(.well)
      }
    }
  }

  private static let epoch = ContinuousClock.now
}
