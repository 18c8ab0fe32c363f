import MeshStore
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Keeps two stores from opening one file: each would not hear of the other's changes.
final class FileLock: Sendable {
  private let descriptor: Int32
  private let isHeld = Atomic(true)

  init(path: String, of database: String) throws(StoreError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw StoreError(
        code: .unavailable,
        message: "the database \(database) cannot be opened: \(String(cString: strerror(errno))); check its directory "
          + "and permissions")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      closeDescriptor(descriptor)
      throw StoreError(
        code: .unavailable,
        message: "the database \(database) is in use by another control plane; stop that one, or give another path")
    }
    self.descriptor = descriptor
  }

  func release() {
    if isHeld.exchange(false, ordering: .relaxed) { closeDescriptor(descriptor) }
  }

  deinit { release() }
}

/// Closes a file; a name of its own, as types here have a `close` themselves.
func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }
