import MeshModel
import OrderedCollections
import Testing

/// Notices about fields that are not known, of which a document may have any number.
@Suite struct FieldNoticeTests {
  private static func messages(of fields: some Sequence<String>) throws -> [String] {
    var object: DocumentValue.Object = ["type": "TrafficTrace", "mesh": "m", "name": "t"]
    for field in fields { object[field] = 1 }
    return try ResourceDocument(.object(object)).notices.messages
  }

  @Test(
    "twenty fields are named, the rest is counted",
    arguments: [
      (0, 0, String?.none), (20, 20, nil), (21, 21, "and 1 more unknown field, ignored"),
      (90_000, 21, "and 89980 more unknown fields, ignored"),
    ])
  func counted(fields: Int, sentences: Int, last: String?) throws {
    let messages = try Self.messages(of: (0..<fields).map { "field\($0)" })
    #expect(messages.count == sentences)
    if let last { #expect(messages.last == last) }
    #expect(messages.prefix(20).allSatisfy { $0.hasSuffix(": unknown field, ignored") })
  }

  @Test("a long name is cut") func long() throws {
    let messages = try Self.messages(of: [String(repeating: "é", count: 1_000_000)])
    #expect(messages == [String(repeating: "é", count: 200) + "…: unknown field, ignored"])
  }

  @Test("in the Kubernetes form the path begins with spec") func kubernetes() throws {
    let document: DocumentValue = [
      "apiVersion": "kuma.io/v1alpha1", "kind": "TrafficTrace", "mesh": "m", "metadata": ["name": "t"],
      "spec": ["conf": ["backned": "b"], "colour": "red"], "strange": 1,
    ]
    #expect(
      try ResourceDocument(document).notices.messages == [
        "strange: unknown field, ignored", "spec.colour: unknown field, ignored",
        "spec.conf.backned: unknown field, ignored; did you mean \"backend\"?",
      ])
  }
}
