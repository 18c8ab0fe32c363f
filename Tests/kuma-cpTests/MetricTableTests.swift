import TestSupport
import Testing

@testable import HTTPService
@testable import MeshTransport

/// The tables of docs/metrics.md.
struct MetricTable {
  struct Row {
    var name: String
    var kind: String
    /// The names of its labels.
    var labels: Set<String>
    var cells: [String]
  }

  let rows: [Row]
  /// The reasons of each further table.
  let reasons: [[String]]

  init() throws {
    let tables = try DocumentTables(of: "metrics.md")
    rows = tables.tables("| Metric | Kind |").joined().map { cells in
      // What a label's values are stands behind a colon.
      let labels = cells.count > 2 ? cells[2].split(separator: ";").compactMap { DocumentTables.quoted($0).first } : []
      return Row(
        name: DocumentTables.quoted(cells[0]).first ?? "", kind: cells.count > 1 ? cells[1] : "", labels: Set(labels),
        cells: cells)
    }
    reasons = tables.tables("| Reason |").map { $0.compactMap { DocumentTables.quoted($0[0]).first } }
  }

  /// The names that the sources declare, which are words of files that make metrics.
  static func declared() throws -> Set<String> {
    var names: Set<String> = []
    for text in try RepositoryFiles.sources() where text.firstRange(of: "import PrometheusMetrics") != nil {
      names.formUnion(text.matches(of: /"((kuma|process|zipkin)_[a-z0-9_]+)"/).map { String($0.1) })
    }
    return names
  }

  /// Compares the table with pages of metrics: names, kinds and labels.
  ///
  /// - Parameter pages: pages of a running control plane that together have all metrics.
  func compare(with pages: [String]) throws {
    var shown: Set<String> = []
    for line in pages.flatMap({ $0.split(separator: "\n") }) {
      if line.hasPrefix("# TYPE ") {
        let words = line.split(separator: " ")
        let (name, kind) = (String(words[2]), String(words[3]))
        shown.insert(name)
        #expect(rows.first { $0.name == name }?.kind == kind, "docs/metrics.md needs the row of \(name), a \(kind)")
      } else if let match = line.firstMatch(of: /^([a-z0-9_]+)\{(.*)\}\s/) {
        let name = match.1.replacing(/_bucket$/, with: "")
        let labels = Set(match.2.matches(of: /([a-z_]+)="(\\.|[^"\\])*"/).map { String($0.1) })
        #expect(rows.first { $0.name == name }?.labels == labels, "\(name) has the labels \(labels)")
      }
    }
    let declared = try Self.declared()
    #expect(declared.isSubset(of: shown), "metrics that no page shows: \(declared.subtracting(shown))")
    #expect(Set(rows.map(\.name)) == shown)
  }
}

@Suite("The table of metrics") struct MetricTableTests {
  @Test("has each metric that the code declares, once, with what it is and what to do") func rows() throws {
    let table = try MetricTable()
    let names = table.rows.map(\.name)
    let declared = try MetricTable.declared()
    #expect(declared.count > 45)
    #expect(Set(names).count == names.count)
    #expect(declared.isSubset(of: names), "docs/metrics.md lacks \(declared.subtracting(names).sorted())")
    // Zipkin's counters are named from parts: LimitTableTests finds them on the page of a running collector.
    let gone = Set(names).subtracting(declared).filter { !$0.hasPrefix("zipkin_collector_") }
    #expect(gone.isEmpty, "the code does not have \(gone.sorted())")
    for row in table.rows {
      #expect(row.cells.count == 5 && !row.cells[3].isEmpty && !row.cells[4].isEmpty, "\(row.name)")
    }
  }

  @Test("has each reason of a refusal, once") func reasons() throws {
    let table = try MetricTable()
    try #require(table.reasons.count == 2)
    #expect(table.reasons[0].sorted() == ListenerCounts.Event.allCases.map(\.rawValue).sorted())
    #expect(table.reasons[1].sorted() == FrameRefusal.allCases.map(\.rawValue).sorted())
  }
}
