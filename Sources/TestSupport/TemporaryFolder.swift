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
    guard isExecutable else {
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      return file
    }
    let source = file + ".source"
    try text.write(toFile: source, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: source)
    try Self.copy(source, to: file)
    try FileManager.default.removeItem(atPath: source)
    return file
  }

  /// Copies a file in another process. If this process had the copy open for writing, a child that another test forks at that
  /// moment would inherit the descriptor, and the copy could not be executed: "text file busy".
  private static func copy(_ source: String, to file: String) throws {
    let words = ["/bin/cp", source, file]
    let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid = pid_t()
    var status: Int32 = -1
    if posix_spawn(&pid, "/bin/cp", nil, nil, arguments, [nil]) == 0 {
      while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    }
    guard status == 0 else { throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: file]) }
  }
}
