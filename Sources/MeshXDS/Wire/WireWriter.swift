import Foundation

/// Writes length-delimited fields of protobuf's wire format, with field numbers below 16.
struct WireWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  /// The size of a length-delimited field whose content has a length.
  static func size(field length: Int) -> Int { 1 + varintSize(length) + length }

  private static func varintSize(_ value: Int) -> Int {
    var size = 1
    var rest = UInt64(truncatingIfNeeded: value) >> 7
    while rest != 0 {
      size += 1
      rest >>= 7
    }
    return size
  }

  mutating func header(field: UInt8, length: Int) {
    bytes.append(field << 3 | 2)
    var rest = UInt64(truncatingIfNeeded: length)
    while rest > 127 {
      bytes.append(UInt8(truncatingIfNeeded: rest & 127) | 128)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func string(field: UInt8, _ text: String) {
    header(field: field, length: text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  mutating func bytes(field: UInt8, _ content: Data) {
    header(field: field, length: content.count)
    content.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }
}
