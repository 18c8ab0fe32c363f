import Crypto
import Documents
import Glibc
import SystemErrors

/// Writes a backup: a tar archive with a manifest, files, and at its end `SHA256SUMS`, as `sha256sum -c` reads it.
///
/// The archive gets its name when it is complete. Until then it is a ``PendingFile``, which ``abandon()`` removes.
package final class BackupWriter {
  /// The name of the checksums in an archive.
  static let sumsName = "SHA256SUMS"
  /// How much is read at once.
  static let chunk = 1 << 20

  private let file: PendingFile
  private let time: Int64
  private var sums = ""

  /// Begins an archive, which only its owner can read.
  ///
  /// - Parameters:
  ///   - path: the archive. A regular file is replaced; nothing else is.
  ///   - folder: a ``PendingFile/folder(beside:)`` of the path, where the archive is until it is complete.
  package init(_ path: String, in folder: String, manifest: BackupManifest) throws(BackupError) {
    try Self.check(path)
    time = manifest.created.seconds
    do throws(FileAccess.Failure) { file = try PendingFile(path, in: folder) } catch {
      throw .cannot("written", path, SystemError(error.number))
    }
    try add(BackupManifest.name, manifest.json)
  }

  /// Checks that a path can name an archive: one that is there already, such as a device, is not replaced unless it is a regular file.
  package static func check(_ path: String) throws(BackupError) {
    guard !path.isEmpty, path != "-" else {
      throw BackupError(code: .unavailable, message: "a backup is written to a file, not to a stream; give its path")
    }
    guard let kind = FileAccess.specialKind(of: path) else { return }
    throw BackupError(
      code: .unavailable,
      message: "\(path) is \(kind), which a backup does not replace; give the path of a file, which may be a new one")
  }

  /// Adds a file.
  ///
  /// - Parameter progress: called with the bytes that are written and the bytes of the whole; if it throws, so does this.
  package func add(
    _ part: BackupManifest.Part, from file: String, progress: (_ written: Int64, _ total: Int64) throws -> Void
  ) throws {
    let source = open(file, O_RDONLY | O_CLOEXEC)
    guard source >= 0 else { throw BackupError.cannot("read", file) }
    defer { close(source) }
    var status = stat()
    guard fstat(source, &status) == 0 else { throw BackupError.cannot("read", file) }
    let size = Int64(status.st_size)
    try write(TarHeader(name: part.rawValue, size: size).block(time: time))
    var hash = SHA256()
    var written: Int64 = 0
    var buffer = [UInt8](repeating: 0, count: Self.chunk)
    while written < size {
      let wanted = Int(min(Int64(buffer.count), size - written))
      let count = buffer.withUnsafeMutableBytes { read(source, $0.baseAddress, wanted) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw BackupError.cannot("read", file) }
      guard count > 0 else {
        throw BackupError(code: .unavailable, message: "\(file) became shorter while it was read; try again")
      }
      hash.update(data: buffer[..<count])
      try write(buffer[..<count])
      written += Int64(count)
      try progress(written, size)
    }
    try end(part.rawValue, size, hash.finalize())
  }

  /// Adds a small file.
  package func add(_ part: BackupManifest.Part, _ bytes: [UInt8]) throws(BackupError) { try add(part.rawValue, bytes) }

  private func add(_ name: String, _ bytes: [UInt8]) throws(BackupError) {
    try write(TarHeader(name: name, size: Int64(bytes.count)).block(time: time))
    try write(bytes)
    try end(name, Int64(bytes.count), SHA256.hash(data: bytes))
  }

  private func end(_ name: String, _ size: Int64, _ digest: SHA256.Digest) throws(BackupError) {
    try write([UInt8](repeating: 0, count: TarHeader.padding(after: size)))
    sums += "\(digest.hexadecimal)  \(name)\n"
  }

  /// Completes the archive and gives it its name. It is on the disk then.
  package func finish() throws(BackupError) {
    try add(Self.sumsName, Array(sums.utf8))
    try write([UInt8](repeating: 0, count: 2 * TarHeader.blockSize))
    // It may have changed while the archive was written.
    try Self.check(file.path)
    do throws(FileAccess.Failure) { try file.commit() } catch {
      throw .cannot("written", file.path, SystemError(error.number))
    }
  }

  /// Removes an archive that is not complete; leaves a complete one.
  package func abandon() { file.abandon() }

  private func write(_ bytes: some Collection<UInt8>) throws(BackupError) {
    do throws(FileAccess.Failure) { try file.write(bytes) } catch {
      throw .cannot("written", file.path, SystemError(error.number), "make room, or give another path")
    }
  }
}

extension SHA256.Digest {
  /// The digest as 64 digits.
  var hexadecimal: String {
    map { byte in
      let text = String(byte, radix: 16)
      return text.count == 1 ? "0" + text : text
    }.joined()
  }
}
