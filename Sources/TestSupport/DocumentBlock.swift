import Foundation

/// A block of code in a document of the repository, between lines of three backticks.
package struct DocumentBlock: Sendable {
  /// The file, from the folder of the repository, such as `docs/upgrade.md`.
  package var document: String
  /// The heading above it, without `#`; empty before the first.
  package var section: String
  /// The machine that a line such as "On `web`:" names, in the same section.
  package var machine: String?
  /// What stands behind the backticks, such as `sh`; empty where nothing does.
  package var language: String
  /// The number of its first line, from 1.
  package var line: Int
  /// Its lines, each with its end, without the indent of the list that it stands in.
  package var text: String

  /// The blocks of a document, in their order.
  package static func all(in document: String) throws -> [DocumentBlock] {
    let text = try String(contentsOf: RepositoryFiles.folder(document), encoding: .utf8)
    var blocks: [DocumentBlock] = []
    var section = ""
    var machine: String?
    var isOpen = false
    var indent = 0
    for (index, line) in text.components(separatedBy: "\n").enumerated() {
      let spaces = line.utf8.prefix { $0 == UInt8(ascii: " ") }.count
      let content = line.utf8.dropFirst(spaces)
      if isOpen {
        if content.elementsEqual("```".utf8) {
          isOpen = false
        } else {
          let typed = String(decoding: line.utf8.dropFirst(min(indent, spaces)), as: UTF8.self)
          blocks[blocks.count - 1].text += typed + "\n"
        }
      } else if content.starts(with: "```".utf8) {
        isOpen = true
        indent = spaces
        blocks.append(
          DocumentBlock(
            document: document, section: section, machine: machine,
            language: String(decoding: content.dropFirst(3), as: UTF8.self), line: index + 2, text: ""))
      } else if line.hasPrefix("#") {
        section = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces)
        machine = nil
      } else if line.hasPrefix("On `"), let named = line.wholeMatch(of: /On `(\w+)`:/) {
        machine = String(named.1)
      }
    }
    return blocks
  }

  /// The documents for those who use the programs or change them: those in `docs`, without decisions, and the ones beside it.
  package static func documents() throws -> [String] {
    let folder = RepositoryFiles.folder("docs").path(percentEncoded: false)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".md") }
    return ["CONTRIBUTING.md", "README.md", "SECURITY.md"] + names.sorted().map { "docs/\($0)" }
  }
}

/// A command line that a document shows.
package struct DocumentCommand: Sendable, CustomStringConvertible {
  /// The document, and the number of a line or of the first line of a block.
  package var place: String
  /// What stands behind the name of the program.
  package var arguments: [String]
  /// Whether it stands in a sentence, where words that everybody knows may be missing.
  package var isMention: Bool

  package var description: String { "\(place): \(arguments.joined(separator: " "))" }

  /// Every command line of a program in any document: in blocks of shell, behind `$` in those that show answers, and in sentences. One
  /// that stands in several places is given once for blocks and once for sentences.
  ///
  /// - Parameter program: its name, such as `kumactl`.
  package static func all(of program: String) throws -> [DocumentCommand] {
    var seen: Set<[String]> = []
    let found = try DocumentBlock.documents().flatMap { document in
      let blocks = try DocumentBlock.all(in: document).flatMap { block in
        arguments(of: program, in: script(of: block)).map {
          DocumentCommand(place: "\(document), line \(block.line)", arguments: $0, isMention: false)
        }
      }
      return try blocks + mentions(of: program, in: document)
    }
    return found.filter { seen.insert($0.arguments + ["\($0.isMention)"]).inserted }
  }

  private static func arguments(of program: String, in script: String) -> [[String]] {
    // Most of what stands in documents is about something else.
    guard script.contains(program) else { return [] }
    return ShellCommands.all(in: script).filter { $0.first == program }.map { Array($0.dropFirst()) }
  }

  private static func script(of block: DocumentBlock) -> String {
    switch block.language {
    case "sh", "bash": block.text
    case "console":
      block.text.split(separator: "\n").filter { $0.hasPrefix("$ ") }.map { $0.dropFirst(2) + "\n" }.joined()
    default: ""
    }
  }

  private static func mentions(of program: String, in document: String) throws -> [DocumentCommand] {
    let text = try String(contentsOf: RepositoryFiles.folder(document), encoding: .utf8)
    var isCode = false
    // A sentence goes on in the next line, and so does what it quotes; a block of code is none.
    let lines = text.components(separatedBy: "\n").map { line in
      if line.contains("```") { isCode.toggle() }
      return isCode || line.contains("```") ? "" : line
    }
    return lines.joined(separator: "\n").components(separatedBy: "\n\n").flatMap { paragraph in
      paragraph.contains(program) ? quoted(in: paragraph.replacing("\n", with: " ")) : []
    }.flatMap { words in
      arguments(of: program, in: words).map { DocumentCommand(place: document, arguments: $0, isMention: true) }
    }
  }

  /// What stands between backticks, as it is typed.
  private static func quoted(in paragraph: String) -> [String] {
    paragraph.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map {
      $0.element.replacingOccurrences(of: "…", with: "").replacingOccurrences(of: "\\|", with: "|")
    }
  }
}
