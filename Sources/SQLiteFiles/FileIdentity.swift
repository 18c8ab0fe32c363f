#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The identity of the file at a path: its device and inode.
struct FileIdentity: Sendable, Equatable {
  private let device: UInt64
  private let number: UInt64

  /// The file that is at a path now; nil if there is none.
  init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_nlink > 0 else { return nil }
    device = UInt64(truncatingIfNeeded: status.st_dev)
    number = UInt64(truncatingIfNeeded: status.st_ino)
  }
}

/// The identities of the files of a database when it was opened: the database, its write-ahead log and its shared memory.
///
/// SQLite keeps descriptors and does not notice that a file was deleted or replaced: commits succeed, into a file that nobody
/// will ever open again.
struct DatabaseFiles: Sendable {
  private let files: [(path: String, identity: FileIdentity?)]

  init(path: String) {
    files = [path, path + "-wal", path + "-shm"].map { ($0, FileIdentity(path: $0)) }
  }

  /// The first file that was deleted or replaced, and whether it was replaced; nil if all are unchanged. It costs three system
  /// calls, which do not reach the disk.
  var firstLost: (path: String, isReplaced: Bool)? {
    for (path, identity) in files where identity != nil {
      let present = FileIdentity(path: path)
      if present != identity { return (path, present != nil) }
    }
    return nil
  }
}
