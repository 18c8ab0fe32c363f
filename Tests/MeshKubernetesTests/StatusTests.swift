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
  private static func patched(_ object: KubernetesObject, _ patch: DocumentValue) -> KubernetesObject {
    var object = object
    object["status"] = patch["status"]
    return object
  }

  private static func entry(_ object: KubernetesObject, _ type: String) -> DocumentValue? {
    object["status"]?["conditions"]?.array?.first { $0["type"]?.string == type }
  }

  @Test("is written once, in the form of the API's conditions")
  func first() throws {
    let object = Self.object(generation: 3)
    let patch = try #require(
      Condition.status(of: object, showing: [Self.accepted, Self.programmed], now: Self.early))
    #expect(
      patch["status"]?["conditions"]?.array?.last?.sortedByKey() == [
        "lastTransitionTime": "2023-11-14T22:13:20Z", "message": "Nothing matches.", "observedGeneration": 3,
        "reason": "NoMatch", "status": "False", "type": "Programmed",
      ])
    let shown = Self.patched(object, patch)
    #expect(Condition.status(of: shown, showing: [Self.accepted, Self.programmed], now: Self.late) == nil)
    #expect(Condition.shown(by: shown) == [Self.accepted, Self.programmed])
  }

  @Test("keeps the time of a condition while it is as true as before, whatever its words")
  func transitionTime() throws {
    let object = Self.object()
    let shown = Self.patched(
      object,
      try #require(Condition.status(of: object, showing: [Self.accepted, Self.programmed], now: Self.early)))
    let words = Condition(.programmed, false, "NoDataplanes", ["There are none."])
    let second = Self.patched(
      shown, try #require(Condition.status(of: shown, showing: [Self.accepted, words], now: Self.late)))
    #expect(Self.entry(second, "Programmed")?["lastTransitionTime"] == "2023-11-14T22:13:20Z")
    #expect(Self.entry(second, "Programmed")?["reason"] == "NoDataplanes")
    let turned = Condition(.programmed, true, "Programmed", ["It applies."])
    let third = Self.patched(
      second, try #require(Condition.status(of: second, showing: [Self.accepted, turned], now: Self.late)))
    #expect(Self.entry(third, "Programmed")?["lastTransitionTime"] == "2023-11-14T22:15:00Z")
    #expect(Self.entry(third, "Accepted")?["lastTransitionTime"] == "2023-11-14T22:13:20Z")
  }

  @Test("is written again for a new generation, and without a condition that is over")
  func generation() throws {
    let conflict = Condition(.conflicted, true, "Overshadowed", ["Another wins."])
    let object = Self.object()
    let shown = Self.patched(
      object, try #require(Condition.status(of: object, showing: [Self.accepted, conflict], now: Self.early)))
    var newer = shown
    newer.metadata["generation"] = 2
    let next = Self.patched(
      newer, try #require(Condition.status(of: newer, showing: [Self.accepted, conflict], now: Self.late)))
    #expect(Self.entry(next, "Accepted")?["observedGeneration"] == 2)
    let over = Self.patched(
      next, try #require(Condition.status(of: next, showing: [Self.accepted], now: Self.late)))
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
      let patch = try #require(Condition.status(of: object, showing: [Self.accepted], now: Self.early))
      let shown = Self.patched(object, patch)
      #expect(Condition.shown(by: shown) == [Self.accepted])
      #expect(Condition.status(of: shown, showing: [Self.accepted], now: Self.late) == nil)
      if status["conditions"]?.array != nil { #expect(Self.entry(shown, "Reviewed") == foreign) }
    }
  }
}
