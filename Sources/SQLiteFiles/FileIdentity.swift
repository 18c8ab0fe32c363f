#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Which file a path led to: its device and number.
struct FileIdentity: Sendable, Equatable {
  private let device: UInt64
  private let number: UInt64

  /// The file to which a path leads now; nil where there is none.
  init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_nlink > 0 else { return nil }
    device = UInt64(truncatingIfNeeded: status.st_dev)
    number = UInt64(truncatingIfNeeded: status.st_ino)
  }
}

/// The files of an open database, as they were when it was opened: the database, its write-ahead log and the memory that
/// connections share.
///
/// SQLite holds them by descriptors. Whoever deletes or replaces one is not noticed by it: commits succeed, into a file that
/// nobody will ever open again.
struct DatabaseFiles: Sendable {
  private let files: [(path: String, identity: FileIdentity?)]

  init(path: String) {
    files = [path, path + "-wal", path + "-shm"].map { ($0, FileIdentity(path: $0)) }
  }

  /// The first file that is gone or another one now, and whether there is another one in its place; nil if all are as they
  /// were. It costs three questions to the kernel, which knows the answers without the disk.
  var firstLost: (path: String, isReplaced: Bool)? {
    for (path, identity) in files where identity != nil {
      let present = FileIdentity(path: path)
      if present != identity { return (path, present != nil) }
    }
    return nil
  }
}
