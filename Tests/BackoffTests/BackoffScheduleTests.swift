import Backoff
import Testing

@Suite("Waits between attempts") struct BackoffScheduleTests {
  @Test("waits double up to the maximum, vary by chance, and start again") func schedule() {
    var schedule = BackoffSchedule(minimum: .seconds(1), maximum: .seconds(5))
    #expect([1, 0, 1, 1, 0.5, 7, -1].map { schedule.failed($0) / .seconds(1) } == [1, 1, 4, 5, 3.75, 5, 2.5])
    schedule.succeeded()
    #expect(schedule.failed(1) == .seconds(1))
  }
}
