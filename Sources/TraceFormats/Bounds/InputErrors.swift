import TraceModel

extension CollectorError {
  /// A request with more spans than are let in.
  static func tooManySpans(_ limits: CollectorLimits) -> CollectorError {
    CollectorError(
      code: .tooLarge, message: "the request has more than \(limits.spansPerRequest) spans; send fewer at once")
  }

  /// A body that is no JSON of the wanted shape, with the place where it goes wrong.
  static func unreadable(_ error: JSONError, in bytes: [UInt8], wanted: String) -> CollectorError {
    let before = bytes[..<max(0, min(error.offset, bytes.count))]
    let line = before.count { $0 == 0x0A } + 1
    let column = before.count - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
    return CollectorError(
      code: .invalid,
      message: "the body is not \(wanted): line \(line), column \(column) (byte \(error.offset)): \(error.reason)")
  }

  /// A body that is no list of Zipkin's spans. An object is most likely a file of another kind, which has a path of its own.
  static func noSpanList(_ error: JSONError, in bytes: [UInt8]) -> CollectorError {
    var error = error
    let blanks: Set<UInt8> = [0x20, 0x0A, 0x0D, 0x09, 0xEF, 0xBB, 0xBF]
    if bytes.firstIndex(where: { !blanks.contains($0) }) == error.offset, bytes[error.offset] == 0x7B {
      error.reason += "; files of other kinds, such as Jaeger's, go to /api/import"
    }
    return unreadable(error, in: bytes, wanted: "a JSON list of spans")
  }

  /// A body that is no protobuf of the wanted shape.
  static func unreadable(_ error: ProtobufError, wanted: String) -> CollectorError {
    CollectorError(code: .invalid, message: "the body is not \(wanted): byte \(error.offset): \(error.reason)")
  }
}
