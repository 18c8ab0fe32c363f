import Crypto
import Glibc
import SystemErrors

/// Reads a backup, from its beginning to its end, and checks its checksums.
package final class BackupReader {
  /// The largest manifest, and the largest list of checksums.
  private static let textLimit: Int64 = 1 << 20

  /// The archive.
  package let path: String
  /// What the backup holds.
  package let manifest: BackupManifest
  private let descriptor: Int32
  private var sums: [String: String]

  /// Opens an archive and reads its manifest.
  package init(_ path: String) throws(BackupError) {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannot("read", path) }
    do throws(BackupError) {
      let reading = Reading(descriptor: descriptor, path: path)
      guard let header = try? reading.header(), header.name == BackupManifest.name else {
        throw .damaged(path, "it does not begin with \(BackupManifest.name); it may be another kind of file")
      }
      let bytes = try reading.text(header, limit: Self.textLimit)
      manifest = try BackupManifest(json: bytes, of: path)
      sums = [header.name: SHA256.hash(data: bytes).hexadecimal]
    } catch {
      // What is initialised in part has no deinit.
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Reads all files, and writes those that are wanted. Once. They are worth nothing if this throws.
  ///
  /// - Parameters:
  ///   - target: where a file is written, which nothing has yet; nil for a file that is only checked.
  ///   - progress: called with the bytes that are read and the bytes of the file; if it throws, so does this.
  /// - Throws: ``BackupError``, and what `progress` throws.
  package func extract(
    to target: (BackupManifest.Part) -> String?,
    progress: (_ part: BackupManifest.Part, _ read: Int64, _ total: Int64) throws -> Void
  ) throws {
    let reading = Reading(descriptor: descriptor, path: path)
    for content in manifest.contents {
      guard let header = try reading.header(), header.name == content.part.rawValue else {
        throw BackupError.damaged(path, "\(content.part.rawValue) is not where it should be")
      }
      let file = target(content.part)
      sums[header.name] = try reading.copy(header, to: file, mode: content.part.mode) {
        try progress(content.part, $0, header.size)
      }
    }
    guard let header = try reading.header(), header.name == BackupWriter.sumsName else {
      throw BackupError.damaged(path, "its checksums are missing: it is not whole")
    }
    var missing = Set(sums.keys)
    let text = String(decoding: try reading.text(header, limit: Self.textLimit), as: UTF8.self)
    for line in text.split(separator: "\n") {
      let (digest, name) = (line.prefix(64), String(line.dropFirst(66)))
      guard let sum = sums[name], sum == digest else {
        throw BackupError.damaged(path, "\(name.prefix(100)) does not have the checksum that it had")
      }
      missing.remove(name)
    }
    guard missing.isEmpty else {
      throw BackupError.damaged(path, "there is no checksum of \(missing.sorted().joined(separator: ", "))")
    }
  }

  /// Reads an open archive.
  private struct Reading {
    let descriptor: Int32
    let path: String

    /// The next header; nil at the end of the archive.
    func header() throws(BackupError) -> TarHeader? {
      let block = try bytes(TarHeader.blockSize)
      if block.allSatisfy({ $0 == 0 }) { return nil }
      guard let header = TarHeader(block) else { throw .damaged(path, "a header of a file cannot be read") }
      return header
    }

    /// A small content.
    func text(_ header: TarHeader, limit: Int64) throws(BackupError) -> [UInt8] {
      guard header.size <= limit else { throw .damaged(path, "\(header.name.prefix(100)) is too large") }
      let bytes = try bytes(Int(header.size))
      _ = try self.bytes(TarHeader.padding(after: header.size))
      return bytes
    }

    /// Copies a content to a file, and returns its checksum.
    func copy(
      _ header: TarHeader, to file: String?, mode: mode_t, progress: (Int64) throws -> Void
    ) throws -> String {
      var target: Int32 = -1
      if let file {
        target = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard target >= 0 else { throw BackupError.cannot("written", file) }
      }
      defer { if target >= 0 { close(target) } }
      var hash = SHA256()
      var rest = header.size
      while rest > 0 {
        let part = try bytes(Int(min(rest, Int64(BackupWriter.chunk))))
        hash.update(data: part)
        if let file, !FileAccess.write(part, to: target) {
          throw BackupError.cannot("written", file, .last, "make room, then try again")
        }
        rest -= Int64(part.count)
        try progress(header.size - rest)
      }
      _ = try bytes(TarHeader.padding(after: header.size))
      if let file, fsync(target) != 0 { throw BackupError.cannot("written", file) }
      return hash.finalize().hexadecimal
    }

    /// The next bytes, all of them.
    private func bytes(_ count: Int) throws(BackupError) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: count)
      var filled = 0
      while filled < count {
        let read = bytes.withUnsafeMutableBytes { buffer in
          Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled)
        }
        if read < 0, errno == EINTR { continue }
        guard read >= 0 else { throw .cannot("read", path) }
        guard read > 0 else { throw .damaged(path, "it ends too early") }
        filled += read
      }
      return bytes
    }
  }
}
