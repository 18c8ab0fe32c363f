import Dispatch
import Synchronization
public import TraceModel

/// Analyses what the store has committed, beside it: on a queue of its own, whose length is bounded.
public final class PropagationMonitor: Sendable {
  private let queue = DispatchQueue(label: "propagation", qos: .utility)
  private let analyzer: Mutex<PropagationAnalyzer>
  private let pending = Mutex<[Observation]>([])
  private let waiting = Atomic(0)
  private let lost = Atomic(0)
  private let clock: WallClock
  /// When it was made, in milliseconds since 1970.
  private let begin: Int64

  /// Spans that may wait; more are counted and left out, as nobody is to wait for an analysis.
  private static let waitingLimit = 100_000

  /// How long what has been committed waits for more: a commit of few spans costs less than waking a thread for it.
  private static let pause = DispatchTimeInterval.milliseconds(20)

  /// What was committed together.
  private struct Observation: Sendable {
    let count: Int
    let spans: @Sendable () -> [Span]
  }

  /// Makes a monitor that has seen nothing.
  public init(limits: PropagationLimits = PropagationLimits(), clock: WallClock = .system) {
    analyzer = Mutex(PropagationAnalyzer(limits: limits))
    self.clock = clock
    begin = clock.milliseconds()
  }

  /// Takes in what had been committed before the monitor was made.
  package func recall(_ spans: [Span]) { observe(spans.filter { $0.end / 1_000 < begin }) }

  /// Takes in what has been committed. Returns at once.
  public func observe(_ spans: [Span]) { observe(count: spans.count) { spans } }

  /// Takes in what has been committed, and reads it when its turn comes. Returns at once.
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

  /// Takes in what waits. On the queue.
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

  /// What the services did in a time, in microseconds since 1970, as far as it has been observed before the call.
  public func report(from: Int64, to: Int64) async -> PropagationReport {
    await ask { $0.report(from: from, to: to) }
  }

  /// Whether what happened at a moment would be known here, in microseconds since 1970.
  func remembers(_ time: Int64) async -> Bool { await ask { $0.remembers(time) } }

  /// What is known of the calls from services.
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
