/// Protobuf's bytes, written for tests by hand: what ProtobufReader reads must not come from the project's own writer.
package struct ProtobufBytes {
  /// What was written so far.
  package private(set) var bytes: [UInt8] = []

  /// Bytes that the closure writes.
  package init(_ build: (inout ProtobufBytes) -> Void = { _ in }) { build(&self) }

  /// Bytes as they are.
  package mutating func raw(_ more: [UInt8]) { bytes += more }

  /// A field with a number of variable length.
  package mutating func number(_ field: Int, _ value: UInt64) {
    bytes += Self.varint(UInt64(field) * 8) + Self.varint(value)
  }

  /// A field with a number of 8 bytes.
  package mutating func fixed(_ field: Int, _ value: UInt64) {
    bytes += Self.varint(UInt64(field) * 8 + 1)
    for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  /// A field with bytes.
  package mutating func data(_ field: Int, _ value: [UInt8]) {
    bytes += Self.varint(UInt64(field) * 8 + 2) + Self.varint(UInt64(value.count)) + value
  }

  /// A field with a text.
  package mutating func text(_ field: Int, _ value: String) { data(field, Array(value.utf8)) }

  /// A field with a message, which the closure writes.
  package mutating func message(_ field: Int, _ build: (inout ProtobufBytes) -> Void) {
    data(field, ProtobufBytes(build).bytes)
  }

  /// An id, the most significant byte first.
  package mutating func id(_ field: Int, _ values: UInt64...) {
    data(
      field, values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * (7 - UInt64($0)))) } })
  }

  private static func varint(_ value: UInt64) -> [UInt8] {
    value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7F) | 0x80] + varint(value >> 7)
  }
}

extension ProtobufBytes {
  /// OpenTelemetry's attribute with a text.
  package mutating func attribute(_ field: Int, _ key: String, _ value: String) {
    attribute(field, key) { $0.text(1, value) }
  }

  /// An attribute of OpenTelemetry with a value that the closure writes.
  package mutating func attribute(_ field: Int, _ key: String, _ value: (inout ProtobufBytes) -> Void) {
    message(field) {
      $0.text(1, key)
      $0.message(2, value)
    }
  }

  /// An `ExportTraceServiceRequest` with one resource and scope.
  package static func request(service: String? = "shop", _ spans: (inout ProtobufBytes) -> Void...) -> [UInt8] {
    ProtobufBytes { request in
      request.message(1) { resource in
        if let service { resource.message(1) { $0.attribute(1, "service.name", service) } }
        resource.message(2) { scope in for span in spans { scope.message(2, span) } }
      }
    }.bytes
  }
}
