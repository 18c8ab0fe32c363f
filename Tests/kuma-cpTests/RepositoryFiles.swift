import Foundation

/// Documents and sources of the repository, for tests that compare one with the other.
enum RepositoryFiles {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The text of a document, such as `servers.md`.
  static func document(_ name: String) throws -> String {
    try String(contentsOf: root.appending(path: "docs/\(name)"), encoding: .utf8)
  }

  /// A folder of the repository.
  static func folder(_ path: String) -> URL { root.appending(path: path) }

  /// The texts of all sources but those that are generated.
  static func sources() throws -> [String] {
    var texts: [String] = []
    let folder = root.appending(path: "Sources")
    for case let file as URL in FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil) ?? .init()
    where file.pathExtension == "swift" && !file.path.contains("/Generated/") {
      texts.append(try String(contentsOf: file, encoding: .utf8))
    }
    return texts
  }
}

/// The tables of a document.
struct DocumentTables {
  private let lines: [Substring]

  init(of document: String) throws {
    lines = try RepositoryFiles.document(document).split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// For each table that begins with some cells, such as `| Reason |`, the cells of its rows.
  func tables(_ head: String) -> [[[String]]] {
    lines.indices.filter { lines[$0].hasPrefix(head) }.map { index in
      lines[index...].dropFirst(2).prefix { $0.hasPrefix("|") }.map { line in
        line.dropFirst().dropLast().replacing("\\|", with: "\u{1}").components(separatedBy: "|")
          .map { $0.trimmingCharacters(in: .whitespaces) }
      }
    }
  }

  /// What stands between backticks.
  static func quoted(_ cell: some StringProtocol) -> [String] {
    Substring(cell).matches(of: /`([^`]+)`/).map { String($0.1) }
  }
}
