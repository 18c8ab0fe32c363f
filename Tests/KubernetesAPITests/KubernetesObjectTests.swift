import Documents
import Testing

@testable import KubernetesAPI

@Suite("Objects of the API") struct KubernetesObjectTests {
  private static func object(_ json: String) throws -> KubernetesObject {
    KubernetesObject(try #require(try DocumentValue(json: json.utf8).object))
  }

  /// As a watch sends it.
  private static let whole = #"{"kind":"K","apiVersion":"v1","metadata":{"name":"a","uid":"u"},"list":[{"x":1,"y":2}]}"#

  @Test(
    "are the same in whatever order their fields are: lists and watches have two",
    arguments: [
      #"{"metadata":{"name":"a","uid":"u"},"list":[{"x":1,"y":2}],"apiVersion":"v1","kind":"K"}"#,
      #"{"kind":"K","apiVersion":"v1","metadata":{"uid":"u","name":"a"},"list":[{"y":2,"x":1}]}"#,
    ]) func order(other: String) throws
  {
    let (one, other) = (try Self.object(Self.whole), try Self.object(other))
    #expect(one == other && Set([one, other]).count == 1)
  }

  @Test(
    "are different where a field is missing, differs, or where items of a list change places",
    arguments: [
      #"{"kind":"K","apiVersion":"v1","metadata":{"name":"a"},"list":[{"x":1,"y":2}]}"#,
      #"{"kind":"K","apiVersion":"v1","metadata":{"name":"a","uid":"u","z":null},"list":[{"x":1,"y":2}]}"#,
      #"{"kind":"K","apiVersion":"v1","metadata":{"name":"a","uid":"u"},"list":[{"x":1,"y":3}]}"#,
      #"{"kind":"K","apiVersion":"v1","metadata":{"name":"a","uid":"u"},"list":[{"x":1},{"y":2}]}"#,
      #"{"kind":"K","apiVersion":"v1","metadata":{"name":"a","uid":"v"},"list":[{"x":1,"y":2}]}"#,
    ]) func difference(other: String) throws
  {
    #expect(try Self.object(Self.whole) != Self.object(other))
    #expect(try Self.object(other) != Self.object(Self.whole))
  }
}
