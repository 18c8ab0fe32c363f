/// What the Zipkin tracers of an Envoy do with spans, in simulated time. Seen with Envoy 1.37 to 1.40.
///
/// A tracer has a buffer in each worker, whose size is the minimum of spans when the tracer is made. A report leaves when the
/// buffer holds exactly that many, and when a timer fires, which then reads its interval. A full buffer drops spans. Equal tracers
/// of several listeners are one. A tracer is destroyed, with its buffers, when the last listener that has it has drained.
package struct SimulatedTracers: Sendable {
  /// Values of the runtime.
  package struct Values: Sendable, Hashable {
    /// The minimum of spans.
    package var minimumSpans = 5
    /// The interval of timers, in milliseconds.
    package var interval: Int64 = 5000

    /// Envoy's defaults.
    package init() {}
  }

  private struct Buffer {
    var size: Int
    var pending = 0
    var tick: Int64
  }

  /// What the main thread has posted to a worker.
  private enum Post {
    case values(Values)
    case make(String)
    case destroy(String)
  }

  private struct Worker {
    var values = Values()
    var buffers: [String: Buffer] = [:]
    var posts: [(time: Int64, post: Post)] = []
  }

  /// How many spans have been recorded.
  package private(set) var recorded = 0
  /// How many have left in reports.
  package private(set) var reported = 0
  /// How many were dropped by a full buffer.
  package private(set) var dropped = 0
  /// How many were in buffers that were destroyed.
  package private(set) var destroyed = 0
  /// What went wrong first, for messages of tests.
  package private(set) var firstLoss: String?
  /// The time in milliseconds.
  package private(set) var now: Int64 = 0
  /// The tracers of present listeners.
  package private(set) var current: Set<String> = []

  private let drainTime: Int64
  private var workers: [Worker]
  private var draining: [(tracer: String, end: Int64)] = []

  /// Tracers of an Envoy that starts.
  ///
  /// - Parameter drainTime: how long replaced listeners drain, in milliseconds.
  package init(workers: Int, drainTime: Int64) {
    self.workers = Array(repeating: Worker(), count: workers)
    self.drainTime = drainTime
  }

  /// Ends the Envoy and starts it again. Spans that wait in it count as reported: they are the concern of who ends it.
  package mutating func restart() {
    reported += pending
    workers = Array(repeating: Worker(), count: workers.count)
    draining = []
    current = []
  }

  /// How many spans were lost.
  package var lost: Int { dropped + destroyed }

  /// The tracers that spans may come from: those of listeners, and of listeners that drain.
  package var active: [String] { current.union(draining.map(\.tracer)).sorted() }

  /// A request that ends in the last moment of a drain cannot be saved: its span waits for a timer. There is none.
  private static let lastMoment: Int64 = 12

  private func end(of tracer: String) -> Int64 {
    if current.contains(tracer) { return .max }
    return (draining.lazy.filter { $0.tracer == tracer }.map(\.end).max() ?? 0) - Self.lastMoment
  }

  /// Applies values of the runtime. The delays are those of the workers, in milliseconds.
  package mutating func apply(_ values: Values, delays: [Int64]) {
    post(.values(values), delays)
  }

  /// Applies listeners that have certain tracers.
  package mutating func setListeners(_ tracers: Set<String>, delays: [Int64]) {
    let alive = current.union(draining.map(\.tracer))
    for tracer in tracers.subtracting(alive).sorted() { post(.make(tracer), delays) }
    for tracer in current.subtracting(tracers).sorted() { draining.append((tracer, now + drainTime)) }
    current = tracers
  }

  private mutating func post(_ post: Post, _ delays: [Int64]) {
    for index in workers.indices {
      let earliest = workers[index].posts.last?.time ?? now
      workers[index].posts.append((max(earliest, now + delays[index % delays.count]), post))
    }
  }

  /// Lets time pass, in which each worker records spans of a tracer, evenly distributed.
  package mutating func advance(_ milliseconds: Int64, spans: Int, of tracer: String?) {
    let end = now + milliseconds
    let start = now
    let lastUse = tracer.map { self.end(of: $0) } ?? 0
    var sent = 0
    while now < end {
      now += 1
      for drained in draining where drained.end == now {
        let isHeld =
          current.contains(drained.tracer) || draining.contains { $0.tracer == drained.tracer && $0.end > now }
        if !isHeld { post(.destroy(drained.tracer), [0]) }
      }
      draining.removeAll { $0.end <= now }
      let due = spans * Int(now - start) / Int(milliseconds)
      for index in workers.indices {
        work(index)
        if let tracer, now < lastUse { for _ in sent..<due { record(index, tracer) } }
      }
      sent = due
    }
  }

  private mutating func work(_ index: Int) {
    while let first = workers[index].posts.first, first.time <= now {
      workers[index].posts.removeFirst()
      let values = workers[index].values
      switch first.post {
      case .values(let values): workers[index].values = values
      case .make(let tracer):
        workers[index].buffers[tracer] = Buffer(size: values.minimumSpans, tick: now + values.interval)
      case .destroy(let tracer):
        let pending = workers[index].buffers.removeValue(forKey: tracer)?.pending ?? 0
        destroyed += pending
        if pending > 0 { note("\(tracer) is destroyed with \(pending) spans; \(values)") }
      }
    }
    let interval = workers[index].values.interval
    for (tracer, buffer) in workers[index].buffers where buffer.tick <= now {
      reported += buffer.pending
      workers[index].buffers[tracer] = Buffer(size: buffer.size, tick: now + interval)
    }
  }

  private mutating func record(_ index: Int, _ tracer: String) {
    // The worker has not made it yet: no connection uses it.
    guard var buffer = workers[index].buffers[tracer] else { return }
    recorded += 1
    if buffer.pending < buffer.size {
      buffer.pending += 1
    } else {
      dropped += 1
      note("the buffer of \(tracer) for \(buffer.size) spans is full; \(workers[index].values)")
    }
    if buffer.pending == workers[index].values.minimumSpans {
      reported += buffer.pending
      buffer.pending = 0
    }
    workers[index].buffers[tracer] = buffer
  }

  private mutating func note(_ loss: String) {
    if firstLoss == nil { firstLoss = "at \(now) ms: \(loss)" }
  }

  /// How many spans wait in buffers.
  package var pending: Int { workers.reduce(0) { $0 + $1.buffers.values.reduce(0) { $0 + $1.pending } } }
}
