import MeshModel
import Testing

/// What the tests with kills would notice.
@Suite("Acknowledged writes") struct AcknowledgedWritesTests {
  private let key = ResourceKey(type: .mesh, name: "a")

  /// Writes 1 and 2 were acknowledged; 3 had no answer.
  private func written() -> AcknowledgedWrites {
    var writes = AcknowledgedWrites()
    for number in 1...2 {
      writes.begin(key, number)
      writes.acknowledge(key, number, existed: number > 1)
    }
    writes.begin(key, 3)
    return writes
  }

  @Test("the last one that was acknowledged and one without an answer may be there", arguments: [2, 3])
  func allowed(number: Int) {
    var writes = written()
    #expect(writes.faults.isEmpty && writes.count == 2)
    #expect(writes.compare([key: .init(number: number)]).isEmpty)
  }

  @Test("an older one, one that nobody sent and none at all are noticed", arguments: [1, 4, nil])
  func lost(number: Int?) {
    var writes = written()
    #expect(writes.compare(number.map { [key: .init(number: $0)] } ?? [:]).count == 1)
  }

  @Test("what was seen once has to stay")
  func seen() {
    var writes = written()
    #expect(writes.compare([key: .init(number: 3)]).isEmpty)
    #expect(writes.compare([key: .init(number: 2)]).count == 1)
  }

  @Test("a time that goes back is noticed")
  func time() {
    var writes = written()
    let (early, late) = (Timestamp(seconds: 1), Timestamp(seconds: 2))
    #expect(writes.compare([key: .init(number: 2, modified: late)]).isEmpty)
    #expect(writes.compare([key: .init(number: 2, modified: early)]).count == 1)
  }

  @Test("a resource that is made twice, and one that comes back after its deletion, are noticed")
  func existence() {
    var writes = written()
    writes.acknowledge(key, 3, existed: false)
    #expect(writes.faults.count == 1)
    writes.begin(key, nil)
    writes.acknowledge(key, nil, existed: true)
    writes.begin(key, 4)
    writes.acknowledge(key, 4, existed: true)
    #expect(writes.faults.count == 2)
    // After a deletion without an answer both are right.
    writes.begin(key, nil)
    writes.begin(key, 5)
    writes.acknowledge(key, 5, existed: false)
    #expect(writes.faults.count == 2)
  }
}
