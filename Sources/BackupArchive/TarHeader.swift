/// The header of a file in a tar archive. Source: POSIX.1-1988 `ustar`; sizes from 8 GiB on as GNU tar writes them.
struct TarHeader {
  /// The unit of archives.
  static let blockSize = 512

  var name: String
  /// The size of the content in bytes, never negative.
  var size: Int64

  /// How many bytes follow a content up to the next header.
  static func padding(after size: Int64) -> Int { Int((Int64(blockSize) - size % Int64(blockSize)) % Int64(blockSize)) }

  /// The header as a block.
  ///
  /// - Parameter time: when the content was made, in seconds since 1970.
  func block(time: Int64) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: Self.blockSize)
    func put(_ text: some Sequence<UInt8>, at offset: Int) {
      for (index, byte) in text.enumerated() { block[offset + index] = byte }
    }
    func octal(_ number: Int64, _ digits: Int) -> [UInt8] {
      let text = String(max(0, number), radix: 8)
      return Array((String(repeating: "0", count: max(0, digits - text.count)) + text).suffix(digits).utf8)
    }
    put(name.utf8.prefix(99), at: 0)
    put("0000600".utf8, at: 100)
    put("0000000".utf8, at: 108)
    put("0000000".utf8, at: 116)
    if size < 1 << 33 {
      put(octal(size, 11), at: 124)
    } else {
      block[124] = 0x80
      put((0..<8).map { UInt8(truncatingIfNeeded: size >> (56 - 8 * Int64($0))) }, at: 128)
    }
    put(octal(time, 11), at: 136)
    block[156] = UInt8(ascii: "0")
    put("ustar\u{0}00".utf8, at: 257)
    put(octal(Self.checksum(block), 6) + [0, 0x20], at: 148)
    return block
  }

  /// Reads a block.
  ///
  /// - Returns: nil if it is not the header of a regular file.
  init?(_ block: [UInt8]) {
    guard block.count == Self.blockSize, block[257..<262].elementsEqual("ustar".utf8),
      block[156] == UInt8(ascii: "0") || block[156] == 0, Self.octal(block[148..<156]) == Self.checksum(block)
    else { return nil }
    name = String(decoding: block[0..<100].prefix { $0 != 0 }, as: UTF8.self)
    if block[124] & 0x80 != 0 {
      guard block[125..<128].allSatisfy({ $0 == 0 }), block[128] & 0x80 == 0 else { return nil }
      size = block[128..<136].reduce(0) { $0 << 8 | Int64($1) }
    } else {
      guard let number = Self.octal(block[124..<136]) else { return nil }
      size = number
    }
  }

  init(name: String, size: Int64) {
    self.name = name
    self.size = size
  }

  private static func octal(_ field: ArraySlice<UInt8>) -> Int64? {
    let digits = field.prefix { $0 != 0 && $0 != 0x20 }
    // Swift takes a sign too, and a size below zero is none.
    guard digits.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
    return Int64(String(decoding: digits, as: UTF8.self), radix: 8)
  }

  /// The sum of all bytes, in which those of the sum itself count as blanks.
  private static func checksum(_ block: [UInt8]) -> Int64 {
    block.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 0x20 : Int64(block[$1])) }
  }
}
