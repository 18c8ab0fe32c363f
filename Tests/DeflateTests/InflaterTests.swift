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

/// Inflates an input in parts, and hands out what comes.
private func inflate(
  _ input: [UInt8], part: Int = .max, members: Bool = false, take: (UnsafeRawBufferPointer, Int) -> Bool
) throws {
  var inflater = try Inflater(takesMembers: members)
  var rest = input[...]
  while !rest.isEmpty {
    let bytes = Array(rest.prefix(part))
    rest = rest.dropFirst(bytes.count)
    try inflater.add(bytes.span.bytes, take: take)
  }
  try inflater.finish()
}

/// What an input inflates to.
private func inflated(_ input: [UInt8], part: Int = .max, members: Bool = false) throws -> [UInt8] {
  var output: [UInt8] = []
  try inflate(input, part: part, members: members) { piece, _ in
    output += piece
    return true
  }
  return output
}

@Suite("Inflating in parts")
struct InflaterTests {
  @Test("gzip and zlib are told apart, whatever the parts", arguments: [1, 2, 7, 1_000])
  func formats(part: Int) throws {
    #expect(try inflated(Recorded.gzip, part: part) == Recorded.text)
    #expect(try inflated(Recorded.zlib, part: part) == Recorded.text)
  }

  @Test("An input that ends anywhere before its end is truncated")
  func truncation() {
    for input in [Recorded.gzip, Recorded.zlib] {
      for count in 0..<input.count {
        #expect(throws: DeflateError.truncated) { try inflated(Array(input[..<count])) }
      }
    }
  }

  @Test("A changed byte of the content or of its check is damage")
  func damage() {
    for index in Recorded.gzip.indices.dropFirst(11).dropLast(4) {
      var changed = Recorded.gzip
      changed[index] ^= 0x10
      #expect(throws: DeflateError.self) { try inflated(changed) }
    }
    #expect(throws: DeflateError.damaged) { try inflated(Array("this is not compressed".utf8)) }
  }

  @Test(
    "Members follow each other where that is wanted; anything else after the end is refused", arguments: [1, 1_000])
  func members(part: Int) throws {
    let two = Recorded.gzip + Recorded.gzip
    #expect(try inflated(two, part: part, members: true) == Recorded.text + Recorded.text)
    #expect(throws: DeflateError.trailingBytes) { try inflated(two, part: part) }
    #expect(throws: DeflateError.trailingBytes) { try inflated(Recorded.zlib + [0], part: part) }
    #expect(throws: DeflateError.damaged) { try inflated(Recorded.gzip + [1, 2, 3], part: part, members: true) }
    #expect(throws: DeflateError.truncated) { try inflated(Recorded.gzip + [31], part: part, members: true) }
  }

  @Test("Whoever takes the output stops it within 64 KiB, and knows what it was made of")
  func stopping() throws {
    let large = try Gzip.compress([UInt8](repeating: 7, count: 10_000_000))
    #expect(try inflated(large, part: 1_000).count == 10_000_000)
    var taken = (bytes: 0, consumed: 0)
    #expect(throws: DeflateError.stopped) {
      try inflate(large) { piece, consumed in
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

  @Test("gzip comes back as it was")
  func gzip() throws {
    for bytes in Self.samples { #expect(try inflated(Gzip.compress(bytes)) == bytes, "\(bytes.count) bytes") }
  }

  @Test("zlib comes back as it was, behind its head, and damage is noticed")
  func zlib() throws {
    for bytes in Self.samples {
      let compressed = try #require(Zlib.compress(bytes, after: [1, 2, 3]))
      #expect(compressed.prefix(3) == [1, 2, 3])
      for (dropped, count, isWhole) in [(3, bytes.count, true), (3, bytes.count + 1, false), (4, bytes.count, false)] {
        let found = compressed.dropFirst(dropped).withUnsafeBytes { Zlib.decompress($0, count: count) }
        #expect((found == bytes) == isWhole, "\(bytes.count) bytes")
      }
    }
    #expect(Recorded.zlib.withUnsafeBytes { Zlib.decompress($0, count: Recorded.text.count) } == Recorded.text)
  }
}
