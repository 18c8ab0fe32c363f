import Foundation
import MeshTestSupport
import Testing
import Yams

@testable import Documents

/// The inputs that are kept for fuzzing (docs/fuzzing.md) must be harmless for the libraries without our guards.
@Suite("The corpus for fuzzing, and documents")
struct FuzzCorpusTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func files(_ target: String) throws -> [[UInt8]] {
    let folder = root.appending(path: "Fuzz/Corpus/\(target)")
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .map { Array(try Data(contentsOf: $0)) }
  }

  @Test("Yams returns or throws for each of them", arguments: ["yaml", "resource", "kubeconfig"])
  func yams(target: String) throws {
    let files = try Self.files(target)
    try #require(!files.isEmpty)
    var (read, readHere) = (0, 0)
    for bytes in files {
      guard let text = try? String(documentBytes: bytes) else { continue }
      if (try? Array(Yams.compose_all(yaml: text))) != nil { read += 1 }
      if (try? DocumentValue.yamlDocuments(text)) != nil { readHere += 1 }
    }
    // Enough of them are documents for what lies behind to be reached.
    #expect(read > 0)
    #expect(readHere > 0)
  }

  @Test(
    "Foundation returns or throws for each of them",
    arguments: ["json", "zipkin-v2", "zipkin-v1", "otlp-json", "import"])
  func foundation(target: String) throws {
    let files = try Self.files(target)
    try #require(!files.isEmpty)
    let read = files.filter { (try? JSONSerialization.jsonObject(with: Data($0), options: .fragmentsAllowed)) != nil }
    #expect(!read.isEmpty)
  }

  @Test("the document lists each target, and each has inputs")
  func names() throws {
    let sources = Self.root.appending(path: "Fuzz/Sources/kuma-fuzz/Targets")
    let files = try FileManager.default.contentsOfDirectory(at: sources, includingPropertiesForKeys: nil)
    var targets: Set<String> = []
    for file in files {
      let text = try String(contentsOf: file, encoding: .utf8)
      for match in text.matches(of: /(?:FuzzTarget|format)\(\s*"([a-z0-9-]+)"/) { targets.insert(String(match.1)) }
    }
    let document = try String(contentsOf: Self.root.appending(path: "docs/fuzzing.md"), encoding: .utf8)
    let rows = document.split(separator: "\n").filter { $0.hasPrefix("| `") }
    let listed = rows.flatMap { row in
      row.split(separator: "|").first.map { $0.matches(of: /`([a-z0-9-]+)`/).map { String($0.1) } } ?? []
    }
    let corpora = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Fuzz/Corpus").path)
    #expect(targets.count > 15)
    #expect(listed.sorted() == targets.sorted())
    #expect(corpora.sorted() == targets.sorted())
  }
}
