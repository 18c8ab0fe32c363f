import Testing

@testable import TraceStore

@Suite struct CommitPaceTests {
  private let start = ContinuousClock.now

  private func pace(_ count: Int, took duration: Duration) -> (pace: CommitPace, end: ContinuousClock.Instant) {
    var pace = CommitPace()
    pace.committed(count, from: start, to: start + duration)
    return (pace, start + duration)
  }

  @Test("The first commit waits for nothing") func first() {
    #expect(CommitPace().pause(before: 8, at: start) == .zero)
  }

  @Test("A single sender that waits for each answer is not delayed") func singleSender() {
    let (pace, end) = pace(1, took: .milliseconds(1))
    #expect(pace.pause(before: 1, at: end) == .zero)
  }

  @Test("Several senders wait for each other as long as a commit takes, and not longer than the bound") func several() {
    for (last, next) in [(1, 7), (7, 1), (8, 8)] {
      var (pace, end) = pace(last, took: .microseconds(900))
      #expect(pace.pause(before: next, at: end) == .microseconds(900))
      #expect(pace.pause(before: next, at: end + .microseconds(300)) == .microseconds(600))
      #expect(pace.pause(before: next, at: end + .milliseconds(5)) == .zero)
      (pace, end) = self.pace(last, took: .seconds(3))
      #expect(pace.pause(before: next, at: end) == CommitPace.longestPause)
    }
  }
}
