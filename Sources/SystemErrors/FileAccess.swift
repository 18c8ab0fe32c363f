import Glibc

/// Reads and writes files with system calls.
public enum FileAccess {
  /// Why a file could not be read or written.
  public struct Failure: Error, CustomStringConvertible {
    /// The failed call: `open`, `read`, `write`, `rename`, `mkdir`.
    public let action: String
    /// The file.
    public let path: String
    /// The value of `errno`.
    public let number: Int32

    /// The call, the file, and the system's text for the error.
    public var description: String {
      "\(action) \(path): \(SystemError(number))"
    }
  }

  /// The size limit of a file, in bytes, where no other is given.
  public static let limit = 64 << 20

  /// The bytes of a file.
  ///
  /// - Parameters:
  ///   - limit: the largest file that is read, in bytes.
  ///   - waits: whether a pipe is waited for until somebody has written to it.
  public static func read(_ path: String, limit: Int = limit, waits: Bool = true) -> Result<[UInt8], Failure> {
    let file = open(path, O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK))
    guard file >= 0 else { return .failure(Failure(action: "open", path: path, number: errno)) }
    defer { close(file) }
    return read(file, name: path, limit: limit)
  }

  /// All of standard input.
  public static func readStandardInput() -> Result<[UInt8], Failure> {
    read(STDIN_FILENO, name: "standard input", limit: limit)
  }

  private static func read(_ file: Int32, name path: String, limit: Int) -> Result<[UInt8], Failure> {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = buffer.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return .failure(Failure(action: "read", path: path, number: errno)) }
      guard count > 0 else { return .success(bytes) }
      bytes += buffer.prefix(count)
      guard bytes.count <= limit else { return .failure(Failure(action: "read", path: path, number: EFBIG)) }
    }
  }

  /// Replaces a file atomically: readers see the old content or the new one, also after a power failure. A file that is not regular,
  /// such as `/dev/null` or a pipe, is written to in place.
  ///
  /// - Parameter mode: who can read the file, further limited by the umask of the process; by default its owner alone.
  public static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) -> Result<Void, Failure> {
    // A symbolic link stays: its target is replaced.
    let target = resolved(path) ?? path
    var status = stat()
    if stat(target, &status) == 0, status.st_mode & S_IFMT != S_IFREG { return writeInPlace(bytes, to: path) }
    do throws(Failure) {
      let file = try PendingFile(target, mode: mode)
      try file.write(bytes)
      try file.commit()
      return .success(())
    } catch {
      return .failure(Failure(action: error.action, path: path, number: error.number))
    }
  }

  private static func writeInPlace(_ bytes: [UInt8], to path: String) -> Result<Void, Failure> {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return .failure(Failure(action: "open", path: path, number: errno)) }
    let isWritten = write(bytes, to: file)
    let number = errno
    guard close(file) == 0 || !isWritten else { return .failure(Failure(action: "write", path: path, number: errno)) }
    return isWritten ? .success(()) : .failure(Failure(action: "write", path: path, number: number))
  }

  /// Writes to an open file, a pipe or a terminal; waits while it is full.
  ///
  /// - Returns: whether everything was written; if not, `errno` has the reason.
  @discardableResult
  public static func write(_ bytes: some Collection<UInt8>, to file: Int32) -> Bool {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        guard errno == EAGAIN else { return false }
        var wait = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
        poll(&wait, 1, -1)
        continue
      }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// The path of what is there, absolute and without symbolic links; nil if nothing is.
  package static func resolved(_ path: String) -> String? {
    guard let pointer = realpath(path, nil) else { return nil }
    defer { free(pointer) }
    return String(cString: pointer)
  }

  /// Makes a directory and those that it is in, as far as they are missing.
  ///
  /// - Parameter mode: who can look into those that are made, further limited by the umask of the process.
  package static func makeDirectories(_ path: String, mode: UInt32 = 0o700) -> Result<Void, Failure> {
    var missing: [Substring] = []
    var directory = path[...]
    while !directory.isEmpty, access(String(directory), F_OK) != 0 {
      missing.append(directory)
      directory = directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)]
    }
    for directory in missing.reversed() where mkdir(String(directory), mode) != 0 && errno != EEXIST {
      return .failure(Failure(action: "mkdir", path: String(directory), number: errno))
    }
    return .success(())
  }

  /// Has the disk keep the names in the folder of a file, as far as the file system can.
  package static func synchronizeFolder(of path: String) {
    let folder = open(path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    fsync(folder)
    close(folder)
  }

  /// What kind of file has a path, as messages say it with an article; nil for a regular file, and if there is none. A symbolic link
  /// is one, whatever it points to.
  package static func specialKind(of path: String) -> String? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return nil
    case S_IFDIR: return "a directory"
    case S_IFLNK: return "a symbolic link"
    case S_IFIFO: return "a pipe"
    case S_IFSOCK: return "a socket"
    default: return "a device"
    }
  }

  /// Whether something has a path, also a symbolic link that points to nothing.
  package static func isTaken(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Whether a path is a directory.
  public static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a directory, sorted.
  public static func names(in path: String) -> Result<[String], Failure> {
    guard let directory = opendir(path) else { return .failure(Failure(action: "open", path: path, number: errno)) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return .success(names.sorted())
  }
}
