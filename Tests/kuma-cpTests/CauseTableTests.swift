import TestSupport
import Testing
import TracingDiagnosis

/// The table in `docs/no-trace.md` is that of the code.
@Suite struct CauseTableTests {
  @Test func theDocumentHasTheRowsOfTheCode() throws {
    let rows = try DocumentTables(of: "no-trace.md").tables("| No. | Cause |").joined().map { $0 }
    #expect(Set(rows.compactMap { Int($0[0]) }) == Set(Cause.allCases.map(\.number)))
    #expect(rows.count == Cause.allCases.count)
    for row in rows {
      let cause = try #require(Int(row[0]).flatMap(Cause.init))
      #expect(row.count == 7)
      #expect(DocumentTables.quoted(row[1]) == [cause.name])
      #expect(row[2] == cause.title)
      #expect(!row[3].isEmpty && !row[4].isEmpty, "\(cause.name)")
      #expect(row[5] == (cause.limit.map { "\($0) s" } ?? ""), "\(cause.name)")
      #expect(row[6] == cause.remedy)
    }
  }
}
