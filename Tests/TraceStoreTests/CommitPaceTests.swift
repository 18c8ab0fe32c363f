import Testing

@testable import TraceStore

@Suite struct CommitPaceTests {
  private let start = ContinuousClock.now

  private func pace(_ counts: Int...) -> CommitPace {
    var pace = CommitPace()
    for count in counts { pace.committed(count, at: start) }
    return pace
  }

  private func expectWait(
    _ pace: inout CommitPace, _ count: Int, _ milliseconds: Int, _ expected: Duration?,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let pause = pace.wait(with: count, at: start + .milliseconds(milliseconds))
    #expect(pause == expected, sourceLocation: sourceLocation)
  }

  private func expectEnough(
    _ pace: inout CommitPace, _ count: Int, _ expected: Bool, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let isEnough = pace.isEnough(count)
    #expect(isEnough == expected, sourceLocation: sourceLocation)
  }

  @Test("The first commit waits for nothing") func first() {
    var pace = CommitPace()
    expectWait(&pace, 1, 0, nil)
    expectEnough(&pace, 1, false)
  }

  @Test("A single sender that waits for each answer is not delayed") func singleSender() {
    var pace = pace(1, 1, 1)
    expectWait(&pace, 1, 0, nil)
  }

  @Test("Senders that were answered together share the next commit, which begins when the last of them is there")
  func several() {
    for counts in [(1, 7), (7, 1), (7, 7)] {
      var pace = pace(counts.0, counts.1)
      expectWait(&pace, 1, 0, CommitPace.longestPause)
      expectEnough(&pace, 6, false)
      expectEnough(&pace, 7, true)
      // It is told once.
      expectEnough(&pace, 8, false)
      expectWait(&pace, 7, 0, nil)
    }
  }

  @Test("Nobody waits longer than the bound, and senders that have gone are waited for twice") func bound() {
    var pace = pace(8, 8)
    expectWait(&pace, 3, 4, .milliseconds(6))
    pace.endWait()
    expectEnough(&pace, 8, false)
    expectWait(&pace, 3, 10, nil)
    pace.committed(3, at: start)
    expectWait(&pace, 3, 0, .milliseconds(10))
    pace.committed(3, at: start)
    expectWait(&pace, 3, 0, nil)
  }
}
