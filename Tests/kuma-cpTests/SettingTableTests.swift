import ArgumentParser
import ProgramSettings
import TestSupport
import Testing

@testable import kuma_cp

/// The tables of docs/settings.md.
@Suite("The tables of settings") struct SettingTableTests {
  @Test("have each setting of kuma-cp as it is declared") func rows() throws {
    let rows = try DocumentTables(of: "settings.md").tables("| Key | Variable |").joined().map { $0 }
    let declared = ControlPlaneSettings.all.map { setting in
      [
        "`\(setting.key)`", setting.environmentVariable.map { "`\($0)`" } ?? "",
        setting.flag.map { "`\($0.name)`" } ?? "",
        setting.defaultText.isEmpty ? "" : "`\(setting.defaultText)`", DocumentTables.cell(setting.summary),
      ]
    }
    #expect(declared.count > 100)
    for row in declared {
      #expect(rows.contains(row), "docs/settings.md needs the row | \(row.joined(separator: " | ")) |")
    }
    for row in rows { #expect(declared.contains(row), "\(row)") }
    #expect(rows.count == declared.count)
  }

  @Test("and help say what a value is, and not the name of its flag again") func valueNames() {
    for help in [KumaControlPlane.Backup.helpMessage(), KumaControlPlane.Restore.helpMessage()] {
      #expect(help.contains("--only <resources|traces>") && help.contains("--config-file <file>"), "\(help)")
      #expect(help.contains("--work-dir <directory>"), "\(help)")
    }
  }
}
