import Testing

@testable import TraceHTTP

/// What is kept of the canary's traces, and what the log says.
@Suite struct CanaryRecordTests {
  @Test("A loss is said once with its reason, another reason once more, and the recovery once")
  func remarks() {
    var record = CanaryRecord(interval: .seconds(60))
    #expect(record.state == .waiting && record.reason == nil)
    #expect(record.add(.found(after: .milliseconds(12)), of: "a", at: 1) == nil)
    #expect(record.add(.lost("why"), of: "b", at: 2) == .failing(.lost("why")))
    #expect(record.add(.lost("why"), of: "c", at: 3) == nil)
    #expect(record.add(.lost("because"), of: "d", at: 4) == .failing(.lost("because")))
    #expect(record.add(.refused("because"), of: "e", at: 5) == .failing(.refused("because")))
    #expect(record.state == .refused && record.reason == "because")
    #expect(record.lastTrace == "a" && record.lastSuccess == 1 && record.lastDelay == 0.012)
    #expect(record.add(.found(after: .seconds(2)), of: "f", at: 6) == .recovered(failures: 4))
    #expect(record.add(.found(after: .seconds(2)), of: "g", at: 7) == nil)
    #expect(record.state == .found && record.reason == nil && record.lastTrace == "g" && record.lastSuccess == 7)
    #expect(record.counts == [.found: 3, .lost: 3, .refused: 1])
  }

  @Test("The first trace can fail, and no trace need be found before")
  func first() {
    var record = CanaryRecord(interval: .seconds(60))
    #expect(record.add(.refused("503"), of: "a", at: 1) == .failing(.refused("503")))
    #expect(record.lastTrace == nil && record.lastSuccess == nil && record.lastDelay == nil)
  }

  @Test("Delays are counted by class; a bound belongs to the class below it")
  func delays() {
    var record = CanaryRecord(interval: .seconds(60))
    for milliseconds in [1, 5, 6, 1_000, 9_999, 60_000] {
      _ = record.add(.found(after: .milliseconds(milliseconds)), of: "a", at: 1)
    }
    #expect(record.delays == [2, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1])
    #expect(abs(record.delaySum - 71.011) < 1e-9)
  }
}
