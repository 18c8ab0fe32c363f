/// Requests that wait to be committed, in the order in which they came. Those that come while a commit is under way share
/// the next one (group commit).
///
/// A value: it knows no database, no thread and no clock. Its owner keeps it in a lock, does what the results say, and
/// does it outside of the lock. One worker at a time takes batches: whoever gets ``Admission/starts``, or `true` from
/// ``resume()`` or ``close()``, starts it, and it works until ``takeBatch()`` has nothing more, or ``finishBatch()`` says so.
@frozen
package struct CommitQueue<Request> {
  /// How much a request counts.
  @frozen
  package struct Weight: Sendable, Hashable {
    /// How many things it has, such as spans.
    package var count: Int
    /// How many bytes it has.
    package var bytes: Int

    /// Makes a weight.
    @inlinable
    package init(count: Int = 1, bytes: Int = 0) {
      self.count = count
      self.bytes = bytes
    }

    /// More than anything weighs.
    @inlinable package static var unlimited: Weight { Weight(count: .max, bytes: .max) }

    @inlinable
    mutating func add(_ other: Weight) {
      count = Self.sum(count, other.count)
      bytes = Self.sum(bytes, other.bytes)
    }

    @inlinable
    mutating func subtract(_ other: Weight) {
      count -= other.count
      bytes -= other.bytes
    }

    @inlinable
    func fits(_ other: Weight, in limit: Weight) -> Bool {
      Self.sum(count, other.count) <= limit.count && Self.sum(bytes, other.bytes) <= limit.bytes
    }

    @inlinable
    static func sum(_ one: Int, _ other: Int) -> Int {
      let (sum, overflow) = one.addingReportingOverflow(other)
      return overflow ? .max : sum
    }
  }

  /// What becomes of a request.
  package enum Admission: Sendable, Hashable {
    /// It waits, and the worker will take it.
    case waits
    /// It waits, and nobody works: the caller starts a worker.
    case starts
    /// Too much waits already. The request is not in the queue.
    case full
    /// The queue is closed. The request is not in the queue.
    case closed
  }

  /// What a batch weighs at most; a single request may weigh more.
  package let batchLimit: Weight
  /// What may wait; a request that finds the queue empty is admitted whatever it weighs.
  package let waitingLimit: Weight
  /// What the waiting requests weigh.
  package private(set) var waiting = Weight(count: 0)
  /// Whether a worker has been started and has not finished; also while it is suspended.
  package private(set) var isWorking = false
  /// Whether the worker pauses until ``resume()``.
  package private(set) var isSuspended = false
  /// Whether no more requests are admitted.
  package private(set) var isClosed = false
  @usableFromInline var requests: [(request: Request, weight: Weight)] = []

  /// How many requests wait.
  @inlinable package var count: Int { requests.count }

  /// Makes an empty queue.
  @inlinable
  package init(batchLimit: Weight, waitingLimit: Weight = .unlimited) {
    self.batchLimit = batchLimit
    self.waitingLimit = waitingLimit
  }

  /// Puts a request behind those that wait, if there is room.
  @inlinable
  package mutating func enqueue(_ request: Request, _ weight: Weight = Weight()) -> Admission {
    if isClosed { return .closed }
    guard requests.isEmpty || waiting.fits(weight, in: waitingLimit) else { return .full }
    requests.append((request, weight))
    waiting.add(weight)
    defer { isWorking = true }
    return isWorking ? .waits : .starts
  }

  /// Takes the requests that are committed next. None are there when nothing waits: then the worker has finished.
  @inlinable
  package mutating func takeBatch() -> [Request] {
    var weight = Weight(count: 0)
    var count = 0
    while count < requests.count, count == 0 || weight.fits(requests[count].weight, in: batchLimit) {
      weight.add(requests[count].weight)
      count += 1
    }
    let batch = requests[..<count].map(\.request)
    requests.removeFirst(count)
    waiting.subtract(weight)
    isWorking = count > 0
    return batch
  }

  /// Ends a batch for a worker that lets others have a turn between batches: whether it has to be started again. If not, it
  /// has finished.
  @inlinable
  package mutating func finishBatch() -> Bool {
    isWorking = !requests.isEmpty
    return isWorking
  }

  /// Takes all that waits, to refuse it. A worker that is under way finds nothing more.
  @inlinable
  package mutating func takeAll() -> [Request] {
    defer {
      requests = []
      waiting = Weight(count: 0)
    }
    return requests.map(\.request)
  }

  // MARK: Backpressure

  /// The worker pauses. Requests are admitted until the limit is reached, and none is taken.
  @inlinable
  package mutating func suspend() { isSuspended = true }

  /// Ends a pause: whether the caller has to start the worker again.
  @inlinable
  package mutating func resume() -> Bool {
    defer { isSuspended = false }
    return isSuspended
  }

  // MARK: Closing

  /// Admits no more requests. Those that wait can still be taken. A pause ends: whether the caller has to start the
  /// worker again.
  @inlinable
  package mutating func close() -> Bool {
    isClosed = true
    return resume()
  }
}

extension CommitQueue: Sendable where Request: Sendable {}
