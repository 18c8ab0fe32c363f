package import Foundation

/// Documents and sources of the repository, for tests that compare one with the other.
package enum RepositoryFiles {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The text of a document, such as `servers.md`.
  package static func document(_ name: String) throws -> String {
    try String(contentsOf: root.appending(path: "docs/\(name)"), encoding: .utf8)
  }

  /// A file or a folder of the repository.
  package static func folder(_ path: String) -> URL { root.appending(path: path) }

  /// The texts of all sources but those that are generated.
  ///
  /// - Parameter path: the folder of a target below `Sources`; nil for those of all.
  package static func sources(of path: String? = nil) throws -> [String] {
    var texts: [String] = []
    let folder = root.appending(path: path.map { "Sources/\($0)" } ?? "Sources")
    for case let file as URL in FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil) ?? .init()
    where file.pathExtension == "swift" && !file.path.contains("/Generated/") {
      texts.append(try String(contentsOf: file, encoding: .utf8))
    }
    return texts
  }
}

/// The tables of a document.
package struct DocumentTables {
  private let lines: [Substring]

  /// Reads a document, such as `servers.md`.
  package init(of document: String) throws {
    lines = try RepositoryFiles.document(document).split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// For each table that begins with some cells, such as `| Reason |`, the cells of its rows.
  package func tables(_ head: String) -> [[[String]]] {
    lines.indices.filter { lines[$0].hasPrefix(head) }.map { index in
      lines[index...].dropFirst(2).prefix { $0.hasPrefix("|") }.map { line in
        line.dropFirst().dropLast().replacing("\\|", with: "\u{1}").components(separatedBy: "|")
          .map { $0.trimmingCharacters(in: .whitespaces).replacing("\u{1}", with: "|") }
      }
    }
  }

  /// What stands between backticks.
  package static func quoted(_ cell: some StringProtocol) -> [String] {
    Substring(cell).matches(of: /`([^`]+)`/).map { String($0.1) }
  }

  /// A text as it stands in a cell, in which some characters are escaped.
  package static func cell(_ text: String) -> String {
    text.replacing("*", with: "\\*").replacing("<", with: "&lt;")
  }
}

/// The texts of all sources as one, for tests of documents that quote sentences.
package struct SourceTexts {
  private let text: String

  /// Reads all sources. A text that goes on in the next line is one.
  package init() throws { text = try RepositoryFiles.sources().joined().replacing(/"\s*\+\s*"/, with: "") }

  /// Whether a sentence stands in a source as it is. `…` stands for a value, in the source in `\( )`.
  package func have(_ sentence: String) throws -> Bool {
    let pieces = sentence.components(separatedBy: "…").map { NSRegularExpression.escapedPattern(for: $0) }
    return text.contains(try Regex(pieces.joined(separator: #"\\\([^\n]{1,80}?\)"#)))
  }
}
