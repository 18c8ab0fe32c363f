import TraceModel

extension CollectorError {
  /// The request has too many spans.
  static func tooManySpans(_ limits: CollectorLimits) -> CollectorError {
    CollectorError(
      code: .tooLarge,
      message: "the request has more than \(limits.spansPerRequest) spans; send fewer per request, or raise "
        + "collector.limits.spansPerRequest")
  }

  /// The body is not JSON of the expected form. The message has the position of the error.
  static func unreadable(_ error: JSONError, in bytes: [UInt8], wanted: String) -> CollectorError {
    let before = bytes[..<max(0, min(error.offset, bytes.count))]
    let line = before.count { $0 == 0x0A } + 1
    let column = before.count - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
    return CollectorError(
      code: .invalid,
      message: "the body is not \(wanted): line \(line), column \(column) (byte \(error.offset)): \(error.reason)")
  }

  /// The body is not a list of Zipkin's spans. An object is probably a file in another format, which has its own path.
  static func noSpanList(_ error: JSONError, in bytes: [UInt8]) -> CollectorError {
    var error = error
    let blanks: Set<UInt8> = [0x20, 0x0A, 0x0D, 0x09, 0xEF, 0xBB, 0xBF]
    if bytes.firstIndex(where: { !blanks.contains($0) }) == error.offset, bytes[error.offset] == 0x7B {
      error.reason += "; files of other kinds, such as Jaeger's, go to /api/import"
    }
    return unreadable(error, in: bytes, wanted: "a JSON list of spans")
  }

  /// The body is not protobuf of the expected form.
  static func unreadable(_ error: ProtobufError, wanted: String) -> CollectorError {
    CollectorError(code: .invalid, message: "the body is not \(wanted): byte \(error.offset): \(error.reason)")
  }
}
