import Dispatch
import Synchronization
public import TraceModel

/// Analyzes committed spans on a queue of its own, whose length is bounded.
public final class PropagationMonitor: Sendable {
  private let queue = DispatchQueue(label: "propagation", qos: .utility)
  private let analyzer: Mutex<PropagationAnalyzer>
  private let pending = Mutex<[Observation]>([])
  private let waiting = Atomic(0)
  private let lost = Atomic(0)
  private let clock: WallClock
  /// When the monitor was created, in milliseconds since 1970.
  private let begin: Int64

  /// The limit of pending spans. Further ones are dropped and counted, since commits must not wait for the analysis.
  private static let waitingLimit = 100_000

  /// How long committed spans wait for more. For small commits, waking a thread would cost more than the commit.
  private static let pause = DispatchTimeInterval.milliseconds(20)

  /// The spans of one commit.
  private struct Observation: Sendable {
    let count: Int
    let spans: @Sendable () -> [Span]
  }

  /// Creates an empty monitor.
  public init(limits: PropagationLimits = PropagationLimits(), clock: WallClock = .system) {
    analyzer = Mutex(PropagationAnalyzer(limits: limits))
    self.clock = clock
    begin = clock.milliseconds()
  }

  /// Adds spans that were committed before the monitor was created.
  package func recall(_ spans: [Span]) { observe(spans.filter { $0.end / 1_000 < begin }) }

  /// Adds committed spans. Returns at once.
  public func observe(_ spans: [Span]) { observe(count: spans.count) { spans } }

  /// Adds committed spans, decoded when the queue processes them. Returns at once.
  package func observe(count: Int, _ spans: @escaping @Sendable () -> [Span]) {
    guard count > 0 else { return }
    guard waiting.load(ordering: .relaxed) + count <= Self.waitingLimit else {
      lost.wrappingAdd(count, ordering: .relaxed)
      return
    }
    waiting.wrappingAdd(count, ordering: .relaxed)
    let isFirst = pending.withLock { pending in
      pending.append(Observation(count: count, spans: spans))
      return pending.count == 1
    }
    if isFirst { queue.asyncAfter(deadline: .now() + Self.pause) { [self] in analyze() } }
  }

  /// Processes pending spans. Runs on the queue.
  private func analyze() {
    let observations = pending.withLock { pending in
      defer { pending = [] }
      return pending
    }
    for observation in observations {
      let now = clock.milliseconds()
      let spans = observation.spans()
      analyzer.withLock { analyzer in
        analyzer.drop(lost.exchange(0, ordering: .relaxed))
        analyzer.add(spans, now: now)
      }
      waiting.wrappingAdd(-observation.count, ordering: .relaxed)
    }
  }

  /// The report on a period, in microseconds since 1970, from all spans observed before the call.
  public func report(from: Int64, to: Int64) async -> PropagationReport {
    let now = microseconds()
    return await ask { $0.report(from: from, to: to, now: now) }
  }

  /// What now breaks the traces of a service, from the retained hour; `nil` if nothing is known to.
  public func propagationVerdict(of service: String) async -> ServiceBreak? { await propagationVerdicts()[service] }

  /// What now breaks traces, by service. One report, for those who ask about many services.
  public func propagationVerdicts() async -> [String: ServiceBreak] { await report(from: 0, to: .max).breaks }

  private func microseconds() -> Int64 { min(max(clock.milliseconds(), 0), 1 << 50) * 1_000 }

  /// Whether a moment is within the retained period, in microseconds since 1970.
  func remembers(_ time: Int64) async -> Bool { await ask { $0.remembers(time) } }

  /// Whether the requests of services are in one trace, for their proxies and for their own tracers.
  package func contextSplits(of services: Set<String>) async -> [ContextSplit] {
    await ask { $0.contextSplits(of: services) }
  }

  /// The verdicts on the calls from services.
  func knowledge(of services: Set<String>) async -> [String: [String: PropagationKnowledge]] {
    await ask { $0.knowledge(of: services) }
  }

  private func ask<Answer: Sendable>(_ question: @escaping @Sendable (PropagationAnalyzer) -> Answer) async -> Answer {
    await withCheckedContinuation { continuation in
      queue.async { [self] in
        analyze()
        continuation.resume(returning: question(analyzer.withLock { $0 }))
      }
    }
  }
}
