import Foundation
import Logging
import Testing

@testable import kuma_cp

@Suite("Tokens for spans in a file") struct IngestTokenFileTests {
  private let first = "first-token-of-default", second = "second-token-of-default", other = "token-of-shop-0123456"

  private func file(_ content: String) throws -> URL {
    let file = FileManager.default.temporaryDirectory.appending(path: "tokens-\(UUID().uuidString)")
    try content.write(to: file, atomically: true, encoding: .utf8)
    return file
  }

  private func quiet() -> Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

  @Test("Each line lets in the spans of a mesh, and several tokens of a mesh count at the same time")
  func lines() throws {
    let file = try file("# of the shop\n\nshop \(other)\r\n default\t\(first) \ndefault \(second)")
    defer { try? FileManager.default.removeItem(at: file) }
    let tokens = try IngestTokenFile(path: file.path, logger: quiet())
    #expect(tokens.mesh(of: first) == "default" && tokens.mesh(of: second) == "default")
    #expect(tokens.mesh(of: other) == "shop")
    for wrong in ["", "default", "\(first)x", "\(first) \(second)"] { #expect(tokens.mesh(of: wrong) == nil) }
  }

  @Test("The file is read again when it has changed; one that cannot be used changes nothing")
  func changes() throws {
    let file = try file("default \(first)\n")
    defer { try? FileManager.default.removeItem(at: file) }
    let tokens = try IngestTokenFile(path: file.path, interval: .zero, logger: quiet())
    #expect(tokens.mesh(of: first) == "default" && tokens.mesh(of: second) == nil)
    try "default \(first)\ndefault \(second)\n".write(to: file, atomically: true, encoding: .utf8)
    #expect(tokens.mesh(of: first) == "default" && tokens.mesh(of: second) == "default")
    try "default \(second) and more\n".write(to: file, atomically: true, encoding: .utf8)
    #expect(tokens.mesh(of: first) == "default" && tokens.mesh(of: second) == "default")
    try FileManager.default.removeItem(at: file)
    #expect(tokens.mesh(of: first) == "default")
    try "default \(second)\n".write(to: file, atomically: true, encoding: .utf8)
    #expect(tokens.mesh(of: first) == nil && tokens.mesh(of: second) == "default")
  }

  @Test("A file that cannot be used is refused with its line, and without its tokens")
  func faults() throws {
    for (content, fault) in [
      ("default\n", "has 1 words"), ("\ndefault a b\n", "line 2"), ("default short\n", "at least 16 characters"),
      ("default \(first)\nshop \(first)\n", "mesh \"default\" has the same token"),
    ] {
      let file = try file(content)
      defer { try? FileManager.default.removeItem(at: file) }
      let error = #expect(throws: IngestTokenFile.Fault.self) { try IngestTokenFile(path: file.path, logger: quiet()) }
      #expect(error?.description.contains(fault) == true, "\(error?.description ?? "")")
      #expect(
        error?.description.contains(file.lastPathComponent) == true && error?.description.contains(first) == false)
    }
    let error = #expect(throws: IngestTokenFile.Fault.self) {
      try IngestTokenFile(path: "/nonexistent/tokens", logger: quiet())
    }
    #expect(error?.description.contains("open /nonexistent/tokens") == true)
  }
}
