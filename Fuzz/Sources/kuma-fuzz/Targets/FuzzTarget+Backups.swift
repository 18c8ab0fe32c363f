import BackupArchive
import Crypto

extension FuzzTarget {
  /// Backups of the control plane's stores.
  static let backups: [FuzzTarget] = [
    FuzzTarget(
      "backup-archive", "backups: an archive as it comes, or one with files as the input says",
      // A content is read a mebibyte at a time.
      bounds: FuzzBounds(memory: .init(4 << 20, perByte: 1_024)),
      samples: ["", "=backup.json\n{\"product\":\"kuma-trace\"}"]
    ) { bytes in
      let archive = bytes.first == UInt8(ascii: "=") ? ArchiveText(bytes.dropFirst()).archive : bytes
      guard let reader = try? BackupReader(MemoryFile.shared.path(of: archive)) else { return 0 }
      var (count, size) = (0, 0)
      let extracted: Void? = try? reader.extract(to: { _ in nil }) { _, read, total in
        require(read <= total && read <= archive.count, "\(read) of \(total) bytes are read from \(archive.count)")
        if read == total { size += Int(total) }
        count += 1
      }
      if extracted != nil { require(size < archive.count, "an archive of \(archive.count) bytes has \(size)") }
      return count
    }
  ]
}

/// An archive in a short form, since hardly any other input has a right checksum: files, each behind a record separator (0x1E), in the
/// form `NAME[|SIZE]`, a line feed and the content. A size is written as it stands. `SHA256SUMS` without a content gets the right one.
private struct ArchiveText {
  private static let block = 512

  private let text: ArraySlice<UInt8>

  init(_ text: ArraySlice<UInt8>) { self.text = text }

  /// The archive.
  var archive: [UInt8] {
    var archive: [UInt8] = []
    var sums: [UInt8] = []
    for part in text.split(separator: 0x1E, omittingEmptySubsequences: false).prefix(16) {
      let lines = part.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
      let words = lines[0].split(separator: UInt8(ascii: "|"), maxSplits: 1, omittingEmptySubsequences: false)
      let name = words[0].prefix(100)
      var content = lines.count > 1 ? Array(lines[1]) : []
      if content.isEmpty, name.elementsEqual("SHA256SUMS".utf8) { content = sums }
      let size = words.count > 1 ? Array(words[1].prefix(12)) : Array(String(content.count, radix: 8).utf8)
      archive += Self.header(name, size) + content
      archive += [UInt8](repeating: 0, count: (Self.block - content.count % Self.block) % Self.block)
      let digest = SHA256.hash(data: content).map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
      }
      sums += Array("\(digest.joined())  ".utf8)
      sums += name
      sums.append(0x0A)
    }
    return archive + [UInt8](repeating: 0, count: 2 * Self.block)
  }

  /// The header of a file, with a right checksum.
  private static func header(_ name: ArraySlice<UInt8>, _ size: [UInt8]) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: block)
    header.replaceSubrange(0..<name.count, with: name)
    header.replaceSubrange(124..<(124 + size.count), with: size)
    header[156] = UInt8(ascii: "0")
    header.replaceSubrange(257..<262, with: "ustar".utf8)
    header.replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
    let digits = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
    header.replaceSubrange(148..<156, with: Array(digits.utf8) + [UInt8](repeating: 0, count: 8 - digits.utf8.count))
    return header
  }
}
