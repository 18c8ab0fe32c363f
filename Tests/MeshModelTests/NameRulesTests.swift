import MeshModel
import Testing

@Suite("Names of resources")
struct NameRulesTests {
  private let key = ResourceKey(type: .dataplane, mesh: "default", name: "web")

  private func violations(
    type: String = "Dataplane", mesh: String = "default", name: String = "web", isNew: Bool = true
  ) -> [String] {
    NameRules.violations(
      of: Resource(mesh: mesh, name: name, spec: Dataplane(networking: nil).spec), type: type, writtenTo: key,
      isNew: isNew
    ).map(\.description)
  }

  @Test("have to be those under which they are written, whoever sends them")
  func identity() {
    #expect(violations() == [])
    #expect(violations(name: "api") == ["name: name from the URL has to be the same as in body"])
    #expect(violations(type: "Mesh") == ["type: type from the URL has to be the same as in body"])
    #expect(
      violations(mesh: "") == ["mesh: mesh from the URL has to be the same as in body", "mesh: cannot be empty"])
    let resource = Resource(name: "", spec: Dataplane(networking: nil).spec)
    #expect(resource.identityViolations(ofProxy: key, isNew: true, source: "the proxy's id") == [])
  }

  @Test(
    "keep to the rules when they are new",
    arguments: ["a/b", "a\nb", "A", "a_b", "\u{1b}", String(repeating: "x", count: 254)])
  func new(name: String) {
    let key = ResourceKey(type: .dataplane, mesh: "default", name: name)
    func violations(isNew: Bool) -> [Violation] {
      NameRules.violations(
        of: Resource(mesh: "default", name: name, spec: Dataplane(networking: nil).spec), type: "Dataplane",
        writtenTo: key,
        isNew: isNew)
    }
    #expect(violations(isNew: true).count == 1)
  }

  @Test("An old name that no new resource may have is left in peace")
  func old() {
    let key = ResourceKey(type: .dataplane, mesh: "default", name: "a_b")
    let resource = Resource(mesh: "default", name: "a_b", spec: Dataplane(networking: nil).spec)
    #expect(NameRules.violations(of: resource, type: "Dataplane", writtenTo: key, isNew: false).isEmpty)
  }

  @Test("Violations are listed on one line that is not too long")
  func list() {
    let many = (0..<1_000).map { Violation(field: "field\($0)\n", message: String(repeating: "x", count: 500)) }
    let text = Violation.list(many)
    #expect(text.hasPrefix(#"field0\n: xxx"#) && text.hasSuffix("; and 980 more") && text.utf8.count < 2_100)
    #expect(!text.contains("\n"))
    #expect(Violation.list([Violation(field: "a", message: "b"), Violation(field: "c", message: "d")]) == "a: b; c: d")
  }
}
