import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel
import OrderedCollections
import Testing

@Suite("Status of an object")
struct StatusTests {
  private static let early = Timestamp(seconds: 1_700_000_000, nanoseconds: 5)
  private static let late = Timestamp(seconds: 1_700_000_100)
  private static let accepted = Condition(.accepted, true, "Accepted", ["It is valid."])
  private static let programmed = Condition(.programmed, false, "NoMatch", ["Nothing matches."])

  private static func object(generation: Int64 = 1, status: DocumentValue? = nil) -> KubernetesObject {
    var object = KubernetesObject([
      "kind": "TrafficTrace", "metadata": ["name": "t", "generation": .integer(generation)], "spec": [:],
    ])
    object["status"] = status
    return object
  }

  /// The object after a merge patch of the status.
  private static func patched(_ object: KubernetesObject, _ change: StatusChange) -> KubernetesObject {
    var object = object
    object["status"] = change.patch["status"]
    return object
  }

  private static func entry(_ object: KubernetesObject, _ type: String) -> DocumentValue? {
    object["status"]?["conditions"]?.array?.first { $0["type"]?.string == type }
  }

  @Test("is written once, in the form of the API's conditions")
  func first() throws {
    let object = Self.object(generation: 3)
    let change = try #require(
      StatusChange(object, showing: [Self.accepted, Self.programmed], now: Self.early))
    #expect(
      change.patch["status"]?["conditions"]?.array?.last?.sortedByKey() == [
        "lastTransitionTime": "2023-11-14T22:13:20Z", "message": "Nothing matches.", "observedGeneration": 3,
        "reason": "NoMatch", "status": "False", "type": "Programmed",
      ])
    let shown = Self.patched(object, change)
    #expect(StatusChange(shown, showing: [Self.accepted, Self.programmed], now: Self.late) == nil)
    #expect(Condition.shown(by: shown) == [Self.accepted, Self.programmed])
  }

  @Test("keeps the time of a condition while it is as true as before, whatever its words")
  func transitionTime() throws {
    let object = Self.object()
    let shown = Self.patched(
      object,
      try #require(StatusChange(object, showing: [Self.accepted, Self.programmed], now: Self.early)))
    let words = Condition(.programmed, false, "NoDataplanes", ["There are none."])
    let second = Self.patched(
      shown, try #require(StatusChange(shown, showing: [Self.accepted, words], now: Self.late)))
    #expect(Self.entry(second, "Programmed")?["lastTransitionTime"] == "2023-11-14T22:13:20Z")
    #expect(Self.entry(second, "Programmed")?["reason"] == "NoDataplanes")
    let turned = Condition(.programmed, true, "Programmed", ["It applies."])
    let third = Self.patched(
      second, try #require(StatusChange(second, showing: [Self.accepted, turned], now: Self.late)))
    #expect(Self.entry(third, "Programmed")?["lastTransitionTime"] == "2023-11-14T22:15:00Z")
    #expect(Self.entry(third, "Accepted")?["lastTransitionTime"] == "2023-11-14T22:13:20Z")
  }

  @Test("is written again for a new generation, and without a condition that is over")
  func generation() throws {
    let conflict = Condition(.conflicted, true, "Overshadowed", ["Another wins."])
    let object = Self.object()
    let shown = Self.patched(
      object, try #require(StatusChange(object, showing: [Self.accepted, conflict], now: Self.early)))
    var newer = shown
    newer.metadata["generation"] = 2
    let next = Self.patched(
      newer, try #require(StatusChange(newer, showing: [Self.accepted, conflict], now: Self.late)))
    #expect(Self.entry(next, "Accepted")?["observedGeneration"] == 2)
    let over = Self.patched(
      next, try #require(StatusChange(next, showing: [Self.accepted], now: Self.late)))
    #expect(Self.entry(over, "Conflicted") == nil && Self.entry(over, "Accepted") != nil)
  }

  @Test("keeps conditions of others, and is mended where somebody spoilt it")
  func foreign() throws {
    let foreign: DocumentValue = ["type": "Reviewed", "status": "True"]
    for status: DocumentValue in [
      ["conditions": [foreign, "x", ["type": "Accepted", "status": 5]]], ["conditions": 5], "broken",
    ] {
      let object = Self.object(status: status)
      #expect(Condition.shown(by: object) == [])
      let change = try #require(StatusChange(object, showing: [Self.accepted], now: Self.early))
      let shown = Self.patched(object, change)
      #expect(Condition.shown(by: shown) == [Self.accepted])
      #expect(StatusChange(shown, showing: [Self.accepted], now: Self.late) == nil)
      if status["conditions"]?.array != nil { #expect(Self.entry(shown, "Reviewed") == foreign) }
    }
  }

  @Test("a change of words alone is no turn; one of truth, of reason or of the object is")
  func turn() throws {
    let object = Self.object()
    let first = try #require(StatusChange(object, showing: [Self.accepted, Self.programmed], now: Self.early))
    #expect(first.isTurn)
    let shown = Self.patched(object, first)
    func isTurn(_ condition: Condition, _ object: KubernetesObject) throws -> Bool {
      try #require(StatusChange(object, showing: [Self.accepted, condition], now: Self.late)).isTurn
    }
    #expect(try !isTurn(Condition(.programmed, false, "NoMatch", ["Nothing matches at all."]), shown))
    #expect(try isTurn(Condition(.programmed, false, "NoDataplanes", ["Nothing matches."]), shown))
    #expect(try isTurn(Condition(.programmed, true, "NoMatch", ["Nothing matches."]), shown))
    var newer = shown
    newer.metadata["generation"] = 2
    #expect(try isTurn(Self.programmed, newer))
  }

  @Test("words wait until the last write is a while ago, turns do not")
  func pacing() {
    var pacing = StatusPacing<String>(rest: .seconds(10))
    #expect(pacing.wait(for: "a", isTurn: false, now: .seconds(5)) == .zero)
    pacing.note("a", now: .seconds(5))
    #expect(pacing.wait(for: "a", isTurn: false, now: .seconds(7)) == .seconds(8))
    #expect(pacing.wait(for: "a", isTurn: true, now: .seconds(7)) == .zero)
    #expect(pacing.wait(for: "b", isTurn: false, now: .seconds(7)) == .zero)
    #expect(pacing.wait(for: "a", isTurn: false, now: .seconds(15)) == .zero)
  }

  @Test("a thousand proxies that come and go are a bounded number of writes")
  func storm() {
    var pacing = StatusPacing<Int>(rest: .seconds(10))
    var writes = 0
    var now = Duration.zero
    for _ in 0..<1_000 {
      now += .milliseconds(200)
      guard pacing.wait(for: 1, isTurn: false, now: now) == .zero else { continue }
      pacing.note(1, now: now)
      writes += 1
    }
    #expect(writes == 20)
    for key in 0..<5_000 { pacing.note(key, now: now + .seconds(Int64(key))) }
    #expect(pacing.count <= 1_024)
  }
}
