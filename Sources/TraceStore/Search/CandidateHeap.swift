import TraceModel

/// A trace that may fit a query, or one that does and waits for its turn.
struct Candidate {
  /// As far as it is known, when the trace began, in milliseconds since 1970.
  let time: Int64
  let trace: UInt64
  /// The trace itself, if it has been read and fits.
  var spans: [Span]?

  /// The order in which candidates are taken: the newest first. What fits comes behind what may, so that nothing newer is
  /// overlooked; then the larger trace id, so that the order is always the same.
  fileprivate static func precedes(_ first: Candidate, _ second: Candidate) -> Bool {
    if first.time != second.time { return first.time > second.time }
    if (first.spans == nil) != (second.spans == nil) { return first.spans == nil }
    return first.trace > second.trace
  }
}

/// Candidates, of which the newest is at hand.
struct CandidateHeap {
  private var heap: [Candidate] = []

  /// The newest.
  var first: Candidate? { heap.first }
  var count: Int { heap.count }

  mutating func push(_ candidate: Candidate) {
    var child = heap.count
    heap.append(candidate)
    while child > 0 {
      let parent = (child - 1) / 2
      guard Candidate.precedes(heap[child], heap[parent]) else { break }
      heap.swapAt(parent, child)
      child = parent
    }
  }

  mutating func pop() -> Candidate? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var next = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && Candidate.precedes(heap[child], heap[next]) { next = child }
      guard next != parent else { return first }
      heap.swapAt(parent, next)
      parent = next
    }
  }
}
