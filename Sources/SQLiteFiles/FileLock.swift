import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Keeps two programs from opening one database: each would not hear of the other's changes.
final class FileLock: Sendable {
  private let descriptor: Int32
  private let isHeld = Atomic(true)

  init(path: String, of database: String, kind: DatabaseKind) throws(DatabaseFileError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .cannotOpen(kind, database) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      closeDescriptor(descriptor)
      throw DatabaseFileError(
        code: .unavailable,
        message: "the \(kind.noun) \(database) is in use by another \(kind.owner); stop that one, or give another path")
    }
    self.descriptor = descriptor
  }

  /// Gives the database free. Closing alone does it only once every copy of the descriptor is closed, and a process being
  /// started has a copy between its fork and its exec.
  func release() {
    guard isHeld.exchange(false, ordering: .relaxed) else { return }
    _ = flock(descriptor, LOCK_UN)
    closeDescriptor(descriptor)
  }

  deinit { release() }
}

/// Closes a file; a name of its own, as types here have a `close` themselves.
func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }
