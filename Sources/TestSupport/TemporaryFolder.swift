package import Foundation

/// A folder of a test's own. It is removed with its owner.
package final class TemporaryFolder: Sendable {
  /// The path, without symbolic links.
  package let path: String

  /// Creates a folder.
  ///
  /// - Throws: errors of the file system.
  package init() throws {
    path = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path + "/test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The folder as a URL.
  package var url: URL { URL(filePath: path, directoryHint: .isDirectory) }

  /// The names in the folder, sorted.
  package var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
  }

  /// The path of a file in the folder.
  package func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file, with the folders above it, and returns its path.
  ///
  /// - Throws: errors of the file system.
  @discardableResult
  package func write(_ text: String, to name: String, isExecutable: Bool = false) throws -> String {
    let file = file(name)
    let folder = URL(filePath: file).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    if isExecutable { try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file) }
    return file
  }
}
