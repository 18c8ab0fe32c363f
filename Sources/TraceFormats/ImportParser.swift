import TraceModel

/// Parses a file of traces in JSON and detects its format:
///
/// - Zipkin's spans, v2 or v1: a trace, or a list of traces, as query answers contain them;
/// - Jaeger's traces: answers of its query service, files saved by its page, and our exports;
/// - OpenTelemetry's requests of exporters, and answers of Jaeger and Tempo;
/// - JSON lines: any of these, or single spans, one after the other.
struct ImportParser {
  private let limits: CollectorLimits
  private var result = ParsedSpans()
  /// The number of spans so far, valid and rejected ones.
  private var spanCount = 0

  private static let wanted =
    "a file of traces of a known form (Zipkin's spans, Jaeger's or OpenTelemetry's traces in JSON, or lines of these)"

  /// Parses spans. Indices continue across values and traces.
  static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    var parser = ImportParser(limits: limits)
    let pieces = try parser.pieces(of: bytes, isList: false)
    guard let first = pieces.first else {
      throw CollectorError(code: .invalid, message: "the file is empty; it must be \(wanted)")
    }
    for piece in pieces {
      do throws(CollectorError) {
        try parser.read(first == 0..<bytes.count ? bytes : Array(bytes[piece]))
      } catch {
        // Each value is parsed with the limits that the previous ones have left.
        guard error.code != .tooLarge else { throw .tooManySpans(limits) }
        guard pieces.count > 1 else { throw error }
        let line = bytes[..<piece.lowerBound].count { $0 == 0x0A } + 1
        throw CollectorError(
          code: error.code, message: "the value that begins in line \(line) is not valid: \(error.message)")
      }
    }
    return parser.result
  }

  private init(limits: CollectorLimits) { self.limits = limits }

  private func scanner(_ bytes: [UInt8]) -> JSONScanner {
    JSONScanner(bytes, nestingLimit: OTLPJSONParser.nesting(limits))
  }

  // MARK: Elements

  /// The byte ranges of the elements of a list, or of successive values.
  private func pieces(of bytes: [UInt8], isList: Bool) throws(CollectorError) -> [Range<Int>] {
    var pieces: [Range<Int>] = []
    var scanner = scanner(bytes)
    do throws(JSONError) {
      if isList, try !scanner.enterArray() { return [] }
      while true {
        if !isList {
          if scanner.isAtEnd() { break }
        } else if !pieces.isEmpty {
          if try !scanner.moreElements() { break }
        }
        guard pieces.count <= limits.spansPerRequest else { break }
        _ = try scanner.next("a value")
        let start = scanner.position
        try scanner.skipValue()
        pieces.append(start..<scanner.position)
      }
    } catch {
      throw .unreadable(error, in: bytes, wanted: Self.wanted)
    }
    guard pieces.count <= limits.spansPerRequest else {
      throw CollectorError(
        code: .tooLarge, message: "the file has more than \(limits.spansPerRequest) traces or lines; split it"
      )
    }
    return pieces
  }

  // MARK: Formats

  private enum Form {
    case zipkin, zipkinV1, otlp, jaegerAnswer, jaegerTrace, jaegerSpan
  }

  /// Parses a value of any format.
  private mutating func read(_ piece: [UInt8]) throws(CollectorError) {
    guard piece.first == 0x5B else { return try read(piece, as: try form(of: piece)) }
    let elements = try pieces(of: piece, isList: true)
    guard let first = elements.first else { return }
    if piece[first.lowerBound] == 0x5B {
      for trace in elements { try readTrace(Array(piece[trace])) }
    } else if piece[first.lowerBound] == 0x7B, try ![.zipkin, .zipkinV1].contains(form(of: Array(piece[first]))) {
      for element in elements { try read(Array(piece[element]), as: try form(of: Array(piece[element]))) }
    } else {
      try readSpans(piece, elements)
    }
  }

  /// Parses a list of Zipkin's spans within a list.
  private mutating func readTrace(_ piece: [UInt8]) throws(CollectorError) {
    guard piece.first == 0x5B else {
      throw CollectorError(code: .invalid, message: "the body is not \(Self.wanted): a trace must be a list of spans")
    }
    try readSpans(piece, try pieces(of: piece, isList: true))
  }

  private mutating func readSpans(_ piece: [UInt8], _ elements: [Range<Int>]) throws(CollectorError) {
    guard elements.count <= limits.spansPerRequest - spanCount else { throw .tooManySpans(limits) }
    var isV1 = false
    for element in elements.prefix(32) where piece[element.lowerBound] == 0x7B && !isV1 {
      isV1 = try form(of: Array(piece[element])) == .zipkinV1
    }
    take(try isV1 ? ZipkinV1Parser.parse(piece, limits: rest) : ParsedSpans.parse(piece, limits: rest))
  }

  private mutating func read(_ piece: [UInt8], as form: Form) throws(CollectorError) {
    switch form {
    case .zipkin: take(try ParsedSpans.parse([0x5B] + piece + [0x5D], limits: rest))
    case .zipkinV1: take(try ZipkinV1Parser.parse([0x5B] + piece + [0x5D], limits: rest))
    case .otlp: take(try OTLPJSONParser.parse(piece, limits: rest))
    case .jaegerAnswer, .jaegerTrace, .jaegerSpan:
      take(try JaegerParser.parse(piece, isSpan: form == .jaegerSpan, limits: rest))
    }
  }

  /// The format of an object, detected by its members. The default is a span of Zipkin's.
  private func form(of piece: [UInt8]) throws(CollectorError) -> Form {
    var scanner = scanner(piece)
    var found: Form?
    do throws(JSONError) {
      guard try scanner.next("a value") == 0x7B, try scanner.enterObject() else { return .zipkin }
      repeat {
        switch try scanner.key() {
        case "resourceSpans", "batches", "result", "trace": found = found ?? .otlp
        case "data": found = found ?? .jaegerAnswer
        case "spans": found = .jaegerTrace
        case "traceID": found = found ?? .jaegerSpan
        case "binaryAnnotations": found = .zipkinV1
        case "annotations":
          if try hasEndpoint(&scanner) { found = .zipkinV1 }
          continue
        case "traceId", "localEndpoint", "remoteEndpoint", "kind", "tags": found = found ?? .zipkin
        default: break
        }
        try scanner.skipValue()
      } while try scanner.moreMembers()
    } catch {
      throw .unreadable(error, in: piece, wanted: Self.wanted)
    }
    return found ?? .zipkin
  }

  /// Whether the first annotation of a list has an endpoint, as only v1 does. Skips the list.
  private func hasEndpoint(_ scanner: inout JSONScanner) throws(JSONError) -> Bool {
    let start = scanner.position
    try scanner.skipValue()
    var inner = self.scanner(Array(scanner.bytes[start..<scanner.position]))
    guard try inner.next("a list") == 0x5B, try inner.enterArray(), try inner.next("a value") == 0x7B,
      try inner.enterObject()
    else { return false }
    repeat {
      if try inner.key() == "endpoint" { return true }
      try inner.skipValue()
    } while try inner.moreMembers()
    return false
  }

  // MARK: Results

  /// The remaining limits.
  private var rest: CollectorLimits {
    var rest = limits
    rest.spansPerRequest = max(0, limits.spansPerRequest - spanCount)
    rest.valuesPerRequest = max(0, limits.valuesPerRequest - result.values.count)
    return rest
  }

  private mutating func take(_ next: ParsedSpans) {
    result.spans += next.spans
    result.indices += next.indices.map { $0 + spanCount }
    result.rejections += next.rejections.map { SpanRejection(index: $0.index + spanCount, reason: $0.reason) }
    // One v1 span may have become several spans.
    spanCount += max(next.indices.last ?? -1, next.rejections.map(\.index).max() ?? -1) + 1
    _ = result.values.take(next.values.count, limits)
    if next.values.isBeyond { _ = result.values.take(.max, limits) }
  }
}
