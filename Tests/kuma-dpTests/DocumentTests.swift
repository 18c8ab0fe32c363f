import TestSupport
import Testing

@testable import ProgramSettings
@testable import kuma_dp

/// What documents say of kuma-dp, beside its sources.
@Suite("The documents about kuma-dp") struct DocumentTests {
  @Test("have each setting as it is declared") func settings() throws {
    let rows = try DocumentTables(of: "settings.md").tables("| Flag | Variable |").joined().map { $0 }
    let declared = DataplaneSettings.all.map { setting in
      [
        setting.flag.map { "`\($0.name)`" } ?? "", setting.environmentVariable.map { "`\($0)`" } ?? "",
        DocumentTables.cell(setting.flag?.standard ?? setting.defaultText), DocumentTables.cell(setting.summary),
      ]
    }
    #expect(declared.count > 15)
    for row in declared {
      #expect(rows.contains(row), "docs/settings.md needs the row | \(row.joined(separator: " | ")) |")
    }
    #expect(rows.count == declared.count)
  }

  @Test("have each kind of failure") func failures() throws {
    let rows = try DocumentTables(of: "errors.md").tables("| Kind | Says |").joined().map { $0 }
    #expect(rows.flatMap { DocumentTables.quoted($0[0]) } == LaunchFailure.Code.allCases.map { "\($0)" })
    for row in rows { #expect(row.count == 4 && !row[2].isEmpty && !row[3].isEmpty, "\(row)") }
  }
}
