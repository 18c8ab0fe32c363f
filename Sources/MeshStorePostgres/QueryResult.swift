import CLibPQ

/// The result of a statement: rows whose columns are in PostgreSQL's binary format.
final class QueryResult {
  private let pointer: OpaquePointer

  /// Takes ownership of a result of libpq.
  init(owning pointer: OpaquePointer) { self.pointer = pointer }

  deinit { PQclear(pointer) }

  /// The number of rows.
  var count: Int { Int(PQntuples(pointer)) }

  private func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
    let row = Int32(clamping: row)
    let column = Int32(clamping: column)
    guard row >= 0, row < PQntuples(pointer), column >= 0, column < PQnfields(pointer),
      PQgetisnull(pointer, row, column) == 0, let value = PQgetvalue(pointer, row, column)
    else { return nil }
    return UnsafeRawBufferPointer(start: value, count: Int(PQgetlength(pointer, row, column)))
  }

  /// A text or JSON column; `nil` for null.
  func text(_ row: Int, _ column: Int) -> String? { bytes(row, column).map { String(decoding: $0, as: UTF8.self) } }

  /// An integer column of 2, 4 or 8 bytes, or a Boolean; `nil` for null and other types.
  func int(_ row: Int, _ column: Int) -> Int64? {
    guard let bytes = bytes(row, column), let first = bytes.first, bytes.count <= 8 else { return nil }
    let negative: Int64 = bytes.count > 1 && first & 0x80 != 0 ? -1 : 0
    return bytes.reduce(negative) { $0 << 8 | Int64($1) }
  }

  /// The SQLSTATE of an error.
  var state: String { PQresultErrorField(pointer, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? "" }

  /// The message of an error, and the server's hint. The details are omitted, since they may contain values.
  var message: String {
    [UInt8(ascii: "M"), UInt8(ascii: "H")]
      .compactMap { PQresultErrorField(pointer, Int32($0)).map { String(cString: $0) } }.joined(separator: "; ")
  }

  var status: ExecStatusType { PQresultStatus(pointer) }
}
