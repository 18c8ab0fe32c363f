import Glibc
import SystemErrors

/// The directory that Envoy's configuration is in.
struct WorkDirectory: Sendable {
  /// The path.
  let path: String
  /// Whether it was made for this run and goes with it.
  let isTemporary: Bool

  /// Takes a directory, which is made if it is missing, or makes a temporary one that only its owner may enter.
  ///
  /// - Parameter temporaryParent: where temporary directories are made; `nil` for `/tmp`.
  /// - Throws: ``LaunchFailure`` when it cannot be made.
  init(_ given: String?, temporaryParent: String?) throws(LaunchFailure) {
    isTemporary = given == nil
    if let given {
      path = given
      try Self.make(given)
      return
    }
    let parent = temporaryParent.flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    var template = Array("\(parent)/kuma-dp-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Self.failure("a temporary directory cannot be created in \(parent)")
    }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Writes a file that only its owner may read, and returns its path.
  ///
  /// - Throws: ``LaunchFailure``.
  func write(_ text: String, to name: String) throws(LaunchFailure) -> String {
    let file = "\(path)/\(name)"
    if case .failure(let failure) = FileAccess.write(Array(text.utf8), to: file) {
      throw LaunchFailure(.unusableDirectory, "Envoy's configuration cannot be written: \(failure)", cause: failure)
    }
    return file
  }

  /// Removes a temporary directory with its files; any other stays.
  func remove() {
    guard isTemporary else { return }
    if case .success(let names) = FileAccess.names(in: path) {
      for name in names { unlink("\(path)/\(name)") }
    }
    rmdir(path)
  }

  private static func make(_ path: String) throws(LaunchFailure) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += made.isEmpty || made.hasSuffix("/") ? part : "/\(part)"
      guard mkdir(made, 0o700) != 0, errno != EEXIST else { continue }
      // A directory in which nothing may be made may still hold the next one.
      guard !FileAccess.isDirectory(made) else { continue }
      throw failure("the directory \(path) cannot be made")
    }
    guard FileAccess.isDirectory(path) else {
      throw LaunchFailure(.unusableDirectory, "\(path) is not a directory; name another with --config-dir")
    }
  }

  private static func failure(_ text: String) -> LaunchFailure {
    LaunchFailure(
      .unusableDirectory, "\(text): \(SystemError.last); name another with --config-dir")
  }
}
