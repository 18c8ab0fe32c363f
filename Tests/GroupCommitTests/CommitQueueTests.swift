import GroupCommit
import MeshTestSupport
import Testing

/// Requests that share commits: none is lost, none is taken twice, and there is one worker whenever there is work.
@Suite struct CommitQueueTests {
  private typealias Queue = CommitQueue<Int>

  @Test("The first request starts the work, the others wait for it, and a batch ends at its limit")
  func batches() {
    var queue = Queue(batchLimit: .init(count: 10, bytes: 100))
    #expect(queue.enqueue(1, .init(count: 4)) == .starts)
    #expect(queue.enqueue(2, .init(count: 6)) == .waits)
    #expect(queue.enqueue(3, .init(count: 1)) == .waits)
    #expect(queue.enqueue(4, .init(count: 1, bytes: 101)) == .waits)
    #expect(queue.enqueue(5, .init(count: 1)) == .waits)
    #expect(queue.waiting == .init(count: 13, bytes: 101))
    #expect(queue.takeBatch() == [1, 2])
    #expect(queue.takeBatch() == [3])
    // Larger than a batch may be: it goes alone.
    #expect(queue.takeBatch() == [4])
    #expect(queue.takeBatch() == [5])
    #expect(queue.isWorking)
    #expect(queue.takeBatch() == [])
    #expect(!queue.isWorking)
    #expect(queue.waiting == .init(count: 0))
    #expect(queue.enqueue(6) == .starts)
  }

  @Test("A request that does not fit is refused, unless nothing waits")
  func limits() {
    var queue = Queue(batchLimit: .unlimited, waitingLimit: .init(count: 10, bytes: 100))
    #expect(queue.enqueue(1, .init(count: 11, bytes: 500)) == .starts)
    #expect(queue.enqueue(2) == .full)
    #expect(queue.takeBatch() == [1])
    #expect(queue.enqueue(3, .init(count: 9, bytes: 60)) == .waits)
    #expect(queue.enqueue(4, .init(count: 1, bytes: 41)) == .full)
    #expect(queue.enqueue(5, .init(count: 2, bytes: 1)) == .full)
    #expect(queue.enqueue(6, .init(count: 1, bytes: 40)) == .waits)
    #expect(queue.enqueue(7, .init(count: .max, bytes: .max)) == .full)
    #expect(queue.takeBatch() == [3, 6])
  }

  @Test("A pause admits requests and takes none; its end, or closing, starts the worker again, once")
  func suspension() {
    var queue = Queue(batchLimit: .unlimited)
    #expect(queue.resume() == false)
    #expect(queue.enqueue(1) == .starts)
    queue.suspend()
    #expect(queue.isSuspended)
    #expect(queue.enqueue(2) == .waits)
    #expect(queue.resume() == true)
    #expect(queue.resume() == false)
    queue.suspend()
    #expect(queue.close() == true)
    #expect(queue.close() == false)
    #expect(queue.enqueue(3) == .closed)
    #expect(queue.takeBatch() == [1, 2])
    #expect(queue.finishBatch() == false)
  }

  @Test("What waits when the queue is closed can be refused")
  func refusal() {
    var queue = Queue(batchLimit: .unlimited)
    #expect(queue.enqueue(1) == .starts)
    #expect(queue.enqueue(2) == .waits)
    #expect(queue.close() == false)
    #expect(queue.takeAll() == [1, 2])
    #expect(queue.waiting == .init(count: 0))
    #expect(queue.takeBatch() == [])
  }

  /// What the queue has to do, said plainly: a list, and where the one worker is.
  private struct Model {
    enum Worker: Equatable {
      case none
      /// Started, and about to take a batch.
      case started
      case committing
      case suspended
    }

    var waiting: [(id: Int, weight: Queue.Weight)] = []
    var worker = Worker.none
    var isClosed = false
    var admitted: [Int] = []
    var taken: [Int] = []

    var weight: Queue.Weight {
      Queue.Weight(count: waiting.map(\.weight.count).reduce(0, +), bytes: waiting.map(\.weight.bytes).reduce(0, +))
    }

    /// The longest beginning of the list that fits into a batch, one request at least.
    func batch(_ limit: Queue.Weight) -> [Int] {
      let fitting = waiting.indices.prefix { last in
        let some = waiting[...last].map(\.weight)
        return some.map(\.count).reduce(0, +) <= limit.count && some.map(\.bytes).reduce(0, +) <= limit.bytes
      }
      return waiting.prefix(max(fitting.count, min(1, waiting.count))).map(\.id)
    }
  }

  @Test(
    "Whatever happens in which order, the queue does what the plain model does", arguments: 0..<200 as Range<UInt64>)
  func interleavings(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let batchLimit = Queue.Weight(
      count: .random(in: 1...40, using: &random), bytes: .random(in: 50...400, using: &random))
    let waitingLimit = Queue.Weight(
      count: .random(in: 20...120, using: &random), bytes: .random(in: 200...900, using: &random))
    let takesTurns = Bool.random(using: &random)
    var queue = Queue(batchLimit: batchLimit, waitingLimit: waitingLimit)
    var model = Model()

    func take() {
      let expected = model.batch(batchLimit)
      let batch = queue.takeBatch()
      #expect(batch == expected)
      model.taken += batch
      model.waiting.removeFirst(batch.count)
      model.worker = batch.isEmpty ? .none : .committing
    }
    func finish() {
      guard takesTurns else { return take() }
      let goesOn = queue.finishBatch()
      #expect(goesOn == !model.waiting.isEmpty)
      model.worker = goesOn ? .started : .none
    }

    for id in 0..<400 {
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<55:
        let weight = Queue.Weight(
          count: .random(in: 1...30, using: &random), bytes: .random(in: 0...200, using: &random))
        let fits =
          model.waiting.isEmpty
          || model.weight.count + weight.count <= waitingLimit.count
            && model.weight.bytes + weight.bytes <= waitingLimit.bytes
        let admission = queue.enqueue(id, weight)
        #expect(admission == (model.isClosed ? .closed : !fits ? .full : model.worker == .none ? .starts : .waits))
        guard admission == .starts || admission == .waits else { break }
        model.waiting.append((id, weight))
        model.admitted.append(id)
        if admission == .starts { model.worker = .started }
      case 55..<90:
        if model.worker == .started { take() } else if model.worker == .committing { finish() }
      case 90..<95:
        guard model.worker == .started, !model.isClosed else { break }
        queue.suspend()
        model.worker = .suspended
      case 95..<99:
        let starts = queue.resume()
        #expect(starts == (model.worker == .suspended))
        if starts { model.worker = .started }
      default:
        guard id > 300 else { break }
        let starts = queue.close()
        #expect(starts == (model.worker == .suspended))
        if starts { model.worker = .started }
        model.isClosed = true
      }
      #expect(queue.waiting == model.weight)
      #expect(queue.isWorking == (model.worker != .none))
      #expect(queue.isSuspended == (model.worker == .suspended))
      // There is work only where there is somebody to do it.
      #expect(model.waiting.isEmpty || model.worker != .none)
    }
    if queue.close() { model.worker = .started }
    while model.worker == .started || model.worker == .committing {
      if model.worker == .started { take() } else { finish() }
    }
    #expect(model.taken == model.admitted)
    #expect(!queue.isWorking)
  }
}
