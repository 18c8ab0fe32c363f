import MeshModel
import MeshTestSupport
import Testing

@Suite("The violations of resources") struct ResourceValidationTests {
  @Test("of a Mesh", arguments: MeshRules.rows) func mesh(_ row: ViolationRow) throws { try check(row) }

  @Test("of a TrafficTrace", arguments: TrafficTraceRules.rows)
  func trafficTrace(_ row: ViolationRow) throws { try check(row) }

  @Test("of a Dataplane", arguments: DataplaneRules.rows)
  func dataplane(_ row: ViolationRow) throws { try check(row) }

  private func check(_ row: ViolationRow) throws {
    let document = try #require(try ResourceDocument.all(in: row.yaml).first)
    #expect(document.resource.violations().map(\.description) == row.violations)
  }
}
