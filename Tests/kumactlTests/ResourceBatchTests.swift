import Foundation
import MeshModel
import Testing

@testable import KumactlCommands

@Suite("Resources to apply")
struct ResourceBatchTests {
  private func read(_ text: String, _ variables: [String: String] = [:]) throws -> [ResourceBatch.Item] {
    var batch = ResourceBatch()
    try batch.add(text, variables: variables)
    return batch.items
  }

  @Test("are read in both forms, several in a text")
  func forms() throws {
    let items = try read(
      """
      type: Mesh
      name: default
      ---
      apiVersion: kuma.io/v1alpha1
      kind: TrafficTrace
      mesh: default
      metadata:
        name: all
      spec:
        selectors:
        - match: {kuma.io/service: '*'}
        colour: red
      ---
      """)
    #expect(items.map(\.resource.key.description) == ["Mesh default", "TrafficTrace default/all"])
    let notice = try #require(items.last?.notices.first)
    #expect(notice.hasPrefix("spec.colour: unknown field"))
    #expect(items.last?.warnings(with: [String(notice.dropFirst(5))]) == [String(notice.dropFirst(5))])
    #expect(items.last?.warnings(with: ["something else"]) == [notice, "something else"])
  }

  @Test("have variables filled in only when there are some")
  func variables() throws {
    let text = "type: Mesh\nname: \"{{ name }}\"\n"
    #expect(try read(text, ["name": "demo"]).first?.resource.name == "demo")
    #expect(throws: CommandFailure.self) { try read(text) }
  }

  @Test(
    "may have documents with nothing in them between, before and behind",
    arguments: [
      "---\n---\n\(one)", "\(one)---\n\n---\n\(one)", "---\n\n---\n\(one)",
      "\(one)---\n# nothing\n---\n\(one)---\n---\n",
      "\u{feff}---\n\(one)---\nnull\n---\n\u{feff}\(one)",
    ])
  func emptyDocuments(_ text: String) throws {
    let items = try read(text)
    #expect(items.count == text.components(separatedBy: "type: Mesh").count - 1)
    #expect(items.allSatisfy { $0.resource.name == "a" })
  }

  private static let one = "type: Mesh\nname: a\n"

  @Test("of an empty text are none") func empty() throws { #expect(try read("").isEmpty) }

  @Test(
    "are refused as a whole when one is wrong",
    arguments: [
      ("# nothing", "YAML contains invalid resource: invalid resource type \"\""),
      ("---\n# nothing\n---\n", "YAML contains invalid resource: invalid resource type \"\""),
      ("type: Nonsense\nname: a\n", "YAML contains invalid resource: invalid resource type \"Nonsense\""),
      (
        "type: DataplaneInsight\nmesh: a\nname: a\n",
        "YAML contains invalid resource: invalid resource type \"DataplaneInsight\""
      ),
      ("- a\n", "YAML contains invalid resource: invalid meta type: \"the document has to be an object, not array\""),
      (
        "type: TrafficTrace\nmesh: a\nname: a\n",
        "YAML contains invalid resource: selectors: must have at least one element"
      ),
      ("type: Mesh\n", "name: cannot be empty"),
      (
        "type: Mesh\nname: A\n",
        "name: invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' symbols."
      ),
      (
        "type: Dataplane\nname: a\nnetworking: {address: 1.1.1.1, gateway: {tags: {kuma.io/service: a}}}\n",
        "mesh: cannot be empty"
      ),
    ])
  func refused(text: String, message: String) {
    let failure = #expect(throws: CommandFailure.self) { try read(text) }
    #expect(failure?.message == message)
  }

  @Test("are refused with line and column when the text is not YAML")
  func syntax() {
    let failure = #expect(throws: CommandFailure.self) { try read("type: TrafficTrace\n  name: [\n") }
    #expect(failure?.message.hasPrefix("YAML contains invalid resource: invalid meta type: \"line 2") == true)
  }

  @Test("are refused with the field when a value is of the wrong kind")
  func kind() {
    let failure = #expect(throws: CommandFailure.self) { try read("type: Mesh\nname: a\ntracing: 3\n") }
    #expect(failure?.message.hasPrefix("YAML contains invalid resource: invalid Mesh object: \"tracing") == true)
  }
}
