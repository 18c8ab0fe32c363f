package import Foundation

/// Texts that a stage is expected to give, kept in files beside the tests. `GOLDEN_REWRITE=1` writes them anew.
package struct Golden: Sendable {
  /// The directory of the files.
  package let directory: URL

  /// Golden files in the directory `Goldens` beside a test's source file.
  package init(beside file: String = #filePath, directory name: String = "Goldens") {
    directory = URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(name)
  }

  /// A text differs from its golden file.
  package struct Difference: Error, CustomStringConvertible {
    /// The first line that differs, and what to do.
    package let description: String
  }

  /// Whether files are written instead of compared.
  package static var isRewriting: Bool { ProcessInfo.processInfo.environment["GOLDEN_REWRITE"] == "1" }

  /// Compares a text with a file, or writes the file.
  ///
  /// - Throws: ``Difference`` when they differ or there is no file; errors of the file system.
  package func check(_ actual: String, _ name: String) throws {
    let file = directory.appendingPathComponent(name)
    if Self.isRewriting {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      try Data(actual.utf8).write(to: file)
      return
    }
    guard let data = try? Data(contentsOf: file) else {
      throw Difference(
        description: "there is no \(file.path); run again with GOLDEN_REWRITE=1 and look at what it wrote")
    }
    let expected = String(decoding: data, as: UTF8.self)
    guard expected != actual else { return }
    let expectedLines: [Substring] = expected.split(separator: "\n", omittingEmptySubsequences: false) + ["(end)"]
    let actualLines: [Substring] = actual.split(separator: "\n", omittingEmptySubsequences: false) + ["(end)"]
    for (index, pair) in zip(expectedLines, actualLines).enumerated() where pair.0 != pair.1 {
      throw Difference(
        description: "\(name) differs at line \(index + 1):\n  expected: \(pair.0)\n  actual:   \(pair.1)\n"
          + "if that is right, run again with GOLDEN_REWRITE=1")
    }
    throw Difference(description: "\(name) differs")
  }
}
