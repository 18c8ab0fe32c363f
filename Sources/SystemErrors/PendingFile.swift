import Glibc

/// A file that gets its name when it is complete and on the disk: readers see what was there before, or all of the new content.
///
/// Until then it has a random name beside that one. The file is always a new one, so that neither a symbolic link nor the mode of a
/// file that somebody has put there says where the content goes and who can read it.
package final class PendingFile {
  /// The file that is replaced.
  package let path: String
  private let temporary: String
  private let descriptor: Int32
  private var isOpen = true

  /// Begins a file.
  ///
  /// - Parameters:
  ///   - path: the file that it becomes, in a folder that is there.
  ///   - folder: where it is until then, on the same file system: a ``folder(beside:)``; nil for a name beside the path.
  ///   - mode: who can read it, further limited by the umask of the process.
  package init(
    _ path: String, in folder: String? = nil, mode: UInt32 = 0o600
  ) throws(FileAccess.Failure) {
    self.path = path
    temporary = folder.map { Self.name(beside: "\($0)/new") } ?? Self.name(beside: path)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    // Without a descriptor there is no deinit, which would remove a file that is not this one.
    guard descriptor >= 0 else { throw FileAccess.Failure(action: "open", path: path, number: errno) }
    self.descriptor = descriptor
  }

  deinit { abandon() }

  /// Adds to the content.
  package func write(_ bytes: some Collection<UInt8>) throws(FileAccess.Failure) {
    guard FileAccess.write(bytes, to: descriptor) else {
      throw FileAccess.Failure(action: "write", path: path, number: errno)
    }
  }

  /// Gives the file its name. What had the name is gone then.
  package func commit() throws(FileAccess.Failure) {
    guard fsync(descriptor) == 0 else { throw FileAccess.Failure(action: "write", path: path, number: errno) }
    guard rename(temporary, path) == 0 else { throw FileAccess.Failure(action: "rename", path: path, number: errno) }
    isOpen = false
    close(descriptor)
    FileAccess.synchronizeFolder(of: path)
  }

  /// Removes a file that has no name yet.
  package func abandon() {
    guard isOpen else { return }
    isOpen = false
    close(descriptor)
    unlink(temporary)
  }

  /// Makes a folder beside a path for what a program writes before it has its place. Only the user of this program can look into it.
  ///
  /// - Returns: its path, which the caller removes.
  package static func folder(beside path: String) throws(FileAccess.Failure) -> String {
    let folder = name(beside: path)
    guard mkdir(folder, 0o700) == 0 else { throw FileAccess.Failure(action: "mkdir", path: folder, number: errno) }
    return folder
  }

  /// A name that nobody can guess; what a killed program leaves can be known by it.
  private static func name(beside path: String) -> String {
    "\(path).partial-\(String(UInt64.random(in: .min ... .max), radix: 36))"
  }
}
