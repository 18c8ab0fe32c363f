/// The rows of a segment that have a term, in the shorter of two encodings: differences, or a bitmap with one bit per row.
///
/// Layout: the term in 4 bytes; twice the length, plus 1 for a bitmap; the bytes.
enum PostingList {
  static func encode(term: UInt32, rows: some Collection<UInt32>, rowCount: Int, to writer: inout ByteWriter) {
    writer.fixed(term)
    let bitmapLength = (rowCount + 7) / 8
    guard rows.count <= bitmapLength else {
      var bits = [UInt8](repeating: 0, count: bitmapLength)
      for row in rows { bits[Int(row >> 3)] |= 1 << UInt8(row & 7) }
      writer.number(UInt64(bitmapLength) << 1 | 1)
      writer.bytes.append(contentsOf: bits)
      return
    }
    var differences = ByteWriter()
    var last: UInt32 = 0
    for row in rows {
      differences.number(UInt64(row &- last))
      last = row
    }
    writer.number(UInt64(differences.bytes.count) << 1)
    writer.bytes.append(contentsOf: differences.bytes)
  }

  /// The rows of a term in a page of lists; nil if the page does not have the term.
  static func rows(of term: UInt32, in page: UnsafeRawBufferPointer) -> [UInt32]? {
    var reader = ByteReader(page)
    while !reader.isAtEnd, !reader.isDamaged {
      let found = reader.fixed32()
      let length = reader.number()
      let bytes = reader.slice(Int(clamping: length >> 1))
      if found > term { return nil }
      if found == term, !reader.isDamaged { return length & 1 == 1 ? bits(bytes) : differences(bytes) }
    }
    return nil
  }

  private static func bits(_ bytes: UnsafeRawBufferPointer) -> [UInt32] {
    var rows: [UInt32] = []
    for (index, byte) in bytes.enumerated() {
      var rest = byte
      while rest != 0 {
        rows.append(UInt32(truncatingIfNeeded: index * 8 + rest.trailingZeroBitCount))
        rest &= rest &- 1
      }
    }
    return rows
  }

  private static func differences(_ bytes: UnsafeRawBufferPointer) -> [UInt32] {
    var reader = ByteReader(bytes)
    var rows: [UInt32] = []
    var last: UInt32 = 0
    while !reader.isAtEnd {
      last = last &+ UInt32(truncatingIfNeeded: reader.number())
      rows.append(last)
    }
    return rows
  }
}
