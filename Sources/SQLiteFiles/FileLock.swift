import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Keeps two programs from opening one database: neither would see the changes of the other. The lock file holds the number of
/// the process that has the lock, for the message.
final class FileLock: Sendable {
  private let descriptor: Int32
  private let isHeld = Atomic(true)

  init(path: String, of database: String, kind: DatabaseKind) throws(DatabaseFileError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .cannotOpen(kind, database) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      defer { closeDescriptor(descriptor) }
      let holder = Self.holder(descriptor).map { "process \($0), " } ?? ""
      throw DatabaseFileError(
        code: .unavailable,
        message:
          "the \(kind.noun) \(database) is locked by \(holder)another \(kind.owner); stop it, or give another path")
    }
    self.descriptor = descriptor
    let number = Array("\(getpid())\n".utf8)
    if ftruncate(descriptor, 0) == 0 { _ = write(descriptor, number, number.count) }
  }

  /// The process that the file names, if it names one.
  private static func holder(_ descriptor: Int32) -> Int32? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0, let line = bytes[..<count].split(separator: UInt8(ascii: "\n")).first else { return nil }
    return Int32(String(decoding: line, as: UTF8.self))
  }

  /// Releases the lock. Closing the descriptor is not enough: a process that is being started has a copy between its fork and
  /// its exec.
  func release() {
    guard isHeld.exchange(false, ordering: .relaxed) else { return }
    _ = flock(descriptor, LOCK_UN)
    closeDescriptor(descriptor)
  }

  deinit { release() }
}

/// Closes a file. The name differs from `close`, which types here declare themselves.
func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }
