import Deflate
import Testing

/// "abracadabra, abracadabra" and a newline, compressed by Python's zlib.
private enum Recorded {
  static let text = Array("abracadabra, abracadabra\n".utf8)
  static let gzip: [UInt8] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 75, 76, 42, 74, 76, 78, 76, 73, 4, 82, 58, 10, 137, 8, 14, 23, 0, 193, 191, 72,
    108, 25, 0, 0, 0,
  ]
  static let zlib: [UInt8] = [
    120, 156, 75, 76, 42, 74, 76, 78, 76, 73, 4, 82, 58, 10, 137, 8, 14, 23, 0, 120, 229, 8, 255,
  ]
}

@Suite("Inflating in parts")
struct InflaterTests {
  /// Inflates parts of an input, up to so many bytes of output.
  private func inflate(
    _ input: [UInt8], part: Int = .max, members: Bool = false, limit: Int = .max
  ) throws(DeflateError) -> [UInt8] {
    var output: [UInt8] = []
    var inflater = try Inflater(takesMembers: members)
    var rest = input[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(part))
      rest = rest.dropFirst(part.count)
      try inflater.add(part.span.bytes) { piece, _ in
        output += piece
        return output.count <= limit
      }
    }
    try inflater.finish()
    return output
  }

  @Test("gzip and zlib are told apart, whatever the parts", arguments: [1, 2, 7, 1_000])
  func formats(part: Int) throws {
    #expect(try inflate(Recorded.gzip, part: part) == Recorded.text)
    #expect(try inflate(Recorded.zlib, part: part) == Recorded.text)
  }

  @Test("An input that ends anywhere before its end is truncated")
  func truncation() {
    for input in [Recorded.gzip, Recorded.zlib] {
      for count in 0..<input.count {
        #expect(throws: DeflateError.truncated) { try inflate(Array(input[..<count])) }
      }
    }
  }

  @Test("A changed byte of the content or of its check is damage")
  func damage() {
    for index in Recorded.gzip.indices.dropFirst(11).dropLast(4) {
      var changed = Recorded.gzip
      changed[index] ^= 0x10
      #expect(throws: DeflateError.self) { try inflate(changed) }
    }
    #expect(throws: DeflateError.damaged) { try inflate(Array("this is not compressed".utf8)) }
  }

  @Test(
    "Members follow each other where that is wanted; anything else after the end is refused", arguments: [1, 1_000])
  func members(part: Int) throws {
    let two = Recorded.gzip + Recorded.gzip
    #expect(try inflate(two, part: part, members: true) == Recorded.text + Recorded.text)
    #expect(throws: DeflateError.trailingBytes) { try inflate(two, part: part) }
    #expect(throws: DeflateError.trailingBytes) { try inflate(Recorded.zlib + [0], part: part) }
    #expect(throws: DeflateError.damaged) { try inflate(Recorded.gzip + [1, 2, 3], part: part, members: true) }
    #expect(throws: DeflateError.truncated) { try inflate(Recorded.gzip + [31], part: part, members: true) }
  }

  @Test("Whoever takes the output stops it within 64 KiB, and knows what it was made of")
  func stopping() throws {
    let large = try Gzip.compress([UInt8](repeating: 7, count: 10_000_000))
    #expect(try inflate(large, part: 1_000).count == 10_000_000)
    #expect(throws: DeflateError.stopped) { try inflate(large, limit: 1) }
    var inflater = try Inflater()
    var taken = (bytes: 0, consumed: 0)
    #expect(throws: DeflateError.stopped) {
      try inflater.add(large.span.bytes) { piece, consumed in
        taken = (taken.bytes + piece.count, consumed)
        return taken.bytes < 200_000
      }
    }
    #expect(taken.bytes >= 200_000 && taken.bytes < 200_000 + 65_536)
    #expect(taken.consumed > 0 && taken.consumed < large.count / 10)
  }
}

@Suite("Compressing in one go")
struct CompressionTests {
  private static let samples: [[UInt8]] = [
    [], [1], Recorded.text, Array(repeatElement(Recorded.text, count: 10_000).joined()),
    (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) },
  ]

  @Test("gzip comes back as it was", arguments: samples)
  func gzip(bytes: [UInt8]) throws {
    var output: [UInt8] = []
    let compressed = try Gzip.compress(bytes)
    var inflater = try Inflater()
    try inflater.add(compressed.span.bytes) { piece, _ in
      output += piece
      return true
    }
    try inflater.finish()
    #expect(output == bytes)
  }

  @Test("zlib comes back as it was, behind its head", arguments: samples)
  func zlib(bytes: [UInt8]) throws {
    let compressed = try #require(Zlib.compress(bytes, after: [1, 2, 3]))
    #expect(compressed.prefix(3) == [1, 2, 3])
    #expect(compressed.dropFirst(3).withUnsafeBytes { Zlib.decompress($0, count: bytes.count) } == bytes)
    #expect(compressed.dropFirst(3).withUnsafeBytes { Zlib.decompress($0, count: bytes.count + 1) } == nil)
    #expect(compressed.dropFirst(4).withUnsafeBytes { Zlib.decompress($0, count: bytes.count) } == nil)
    #expect(Recorded.zlib.withUnsafeBytes { Zlib.decompress($0, count: Recorded.text.count) } == Recorded.text)
  }
}
