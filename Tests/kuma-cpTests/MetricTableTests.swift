import Foundation
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

  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  let rows: [Row]
  /// The reasons of each further table.
  let reasons: [[String]]

  init() throws {
    let page = try String(contentsOf: Self.root.appending(path: "docs/metrics.md"), encoding: .utf8)
    let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
    rows = Self.table("| Metric | Kind |", in: lines).map { cells in
      // What a label's values are stands behind a colon.
      let labels = cells.count > 2 ? cells[2].split(separator: ";").compactMap { Self.quoted($0).first } : []
      return Row(
        name: Self.quoted(cells[0][...]).first ?? "", kind: cells.count > 1 ? cells[1] : "", labels: Set(labels),
        cells: cells)
    }
    reasons = lines.indices.filter { lines[$0].hasPrefix("| Reason |") }.map { index in
      Self.table("| Reason |", in: Array(lines[index...])).compactMap { Self.quoted($0[0][...]).first }
    }
  }

  /// The cells of the rows of a table.
  private static func table(_ head: String, in lines: [Substring]) -> [[String]] {
    lines.drop { !$0.hasPrefix(head) }.dropFirst(2).prefix { $0.hasPrefix("|") }.map { line in
      line.dropFirst().dropLast().replacing("\\|", with: "\u{1}").components(separatedBy: "|")
        .map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  private static func quoted(_ cell: Substring) -> [String] { cell.matches(of: /`([^`]+)`/).map { String($0.1) } }

  /// The names that the sources declare, which are words of files that make metrics.
  static func declared() throws -> Set<String> {
    var names: Set<String> = []
    let folder = root.appending(path: "Sources")
    for case let file as URL in FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil) ?? .init()
    where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      guard text.firstRange(of: "import PrometheusMetrics") != nil else { continue }
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
