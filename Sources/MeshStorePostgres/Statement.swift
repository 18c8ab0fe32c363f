/// A statement with its parameters, which are sent separately and never as part of its text.
struct Statement {
  /// A parameter, in PostgreSQL's binary format.
  struct Parameter {
    /// PostgreSQL's number of the type.
    let type: UInt32
    let bytes: [UInt8]

    static func int(_ value: Int64) -> Parameter { Parameter(type: 20, bytes: bigEndian(value)) }
    static func text(_ value: String) -> Parameter { Parameter(type: 25, bytes: Array(value.utf8)) }
    static func ints(_ values: [Int64]) -> Parameter { array(1016, of: 20, values.map(bigEndian)) }
    static func texts(_ values: [String]) -> Parameter { array(1009, of: 25, values.map { Array($0.utf8) }) }

    private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: value.bigEndian, Array.init)
    }

    /// One dimension, no nulls, the type of the elements, their number, the first index; then each element with its length.
    private static func array(_ type: UInt32, of element: UInt32, _ values: [[UInt8]]) -> Parameter {
      var bytes = bigEndian(Int32(values.isEmpty ? 0 : 1)) + bigEndian(Int32(0)) + bigEndian(element)
      if !values.isEmpty { bytes += bigEndian(Int32(clamping: values.count)) + bigEndian(Int32(1)) }
      for value in values { bytes += bigEndian(Int32(clamping: value.count)) + value }
      return Parameter(type: type, bytes: bytes)
    }
  }

  let sql: String
  let parameters: [Parameter]

  init(_ sql: String, _ parameters: Parameter...) {
    self.sql = sql
    self.parameters = parameters
  }
}
