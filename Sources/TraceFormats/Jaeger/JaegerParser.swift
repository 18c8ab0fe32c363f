import TraceModel

/// Parses Jaeger's traces: an answer of its query service, a trace of one, or a span with its process.
struct JaegerParser: BoundedReading {
  let limits: CollectorLimits
  let bounds: SpanBounds
  var values = ValueCount()
  var textBytes = 0
  var excess: String?
  private var result = ParsedSpans()
  private var spanCount = 0
  private var isTooLong = false

  /// A span whose process may be defined after it.
  private struct Pending {
    var span = JaegerSpan()
    /// The Zipkin form that our export adds to a span that Jaeger's format cannot represent.
    var whole: Span?
    var process: String?
    var index = 0
    var problem: String?
  }

  /// Parses a value. Throws if it is not valid or too large, then none of it counts. A rejected span does not affect others.
  ///
  /// - Parameter isSpan: whether the value is a single span.
  static func parse(_ bytes: [UInt8], isSpan: Bool, limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    var reader = JSONFieldReader(bytes, nestingLimit: OTLPJSONParser.nesting(limits))
    var parser = JaegerParser(limits: limits, bounds: SpanBounds(limits: limits))
    do throws(JSONError) {
      if isSpan {
        let span = try parser.span(&reader)
        parser.take([span], [:])
      } else {
        try parser.readTrace(&reader)
      }
      try reader.scanner.end()
    } catch {
      if parser.isTooLong { throw .tooManySpans(limits) }
      throw .unreadable(error, in: bytes, wanted: "a trace of Jaeger's in JSON")
    }
    if let problem = reader.problem {
      throw CollectorError(code: .invalid, message: "the body is not a trace of Jaeger's in JSON: \(problem)")
    }
    parser.result.values = parser.values
    return parser.result
  }

  private init(limits: CollectorLimits, bounds: SpanBounds) {
    self.limits = limits
    self.bounds = bounds
  }

  // MARK: Traces

  /// Parses a trace, or an answer with traces.
  private mutating func readTrace(_ reader: inout JSONFieldReader) throws(JSONError) {
    var spans: [Pending] = []
    var processes: [String: JaegerSpan.Process] = [:]
    try reader.object("a trace") { (reader, key) throws(JSONError) in
      switch key {
      case "data":
        try reader.list(key) { (reader) throws(JSONError) in try readTrace(&reader) }
      case "spans":
        try reader.list(key) { (reader) throws(JSONError) in
          let span = try span(&reader)
          spans.append(span)
        }
      case "processes":
        try reader.object(key) { (reader, name) throws(JSONError) in
          guard processes.count < limits.spansPerRequest else { return try reader.skip() }
          (textBytes, excess) = (0, nil)
          let process = try process(&reader)
          processes[name] = process
        }
      default: try reader.skip()
      }
    }
    take(spans, processes)
  }

  private mutating func take(_ spans: [Pending], _ processes: [String: JaegerSpan.Process]) {
    for pending in spans {
      var problem = pending.problem
      var jaeger = pending.span
      if let name = pending.process {
        if let process = processes[name] {
          jaeger.process = process
        } else {
          problem = problem ?? "there is no process \(name.prefix(64))"
        }
      }
      // Each tag of the process becomes a tag of the span.
      if problem == nil, !values.take(jaeger.process.tags.count, limits) { problem = bounds.tooManyValues }
      let span = problem == nil ? pending.whole ?? jaeger.span : nil
      problem = problem ?? span.flatMap { bounds.problem($0) }
      if let span, problem == nil {
        result.spans.append(span)
        result.indices.append(pending.index)
      } else if let problem {
        result.rejections.append(SpanRejection(index: pending.index, reason: problem))
      }
    }
  }

  // MARK: Spans

  private mutating func span(_ reader: inout JSONFieldReader) throws(JSONError) -> Pending {
    guard spanCount < limits.spansPerRequest else {
      isTooLong = true
      throw reader.scanner.error("too many spans")
    }
    let around = reader.problem
    reader.beginItem()
    (textBytes, excess) = (0, values.isBeyond ? bounds.tooManyValues : nil)
    var pending = Pending()
    pending.index = spanCount
    spanCount += 1
    try read(&reader, into: &pending)
    if pending.span.traceID == TraceID(low: 0) { reader.reject("traceID is missing") }
    if pending.span.id == 0 { reader.reject("spanID is missing") }
    pending.problem = reader.problem ?? excess
    reader.beginItem()
    if let around { reader.reject(around) }
    return pending
  }

  private mutating func read(_ reader: inout JSONFieldReader, into pending: inout Pending) throws(JSONError) {
    try reader.object("a span") { (reader, key) throws(JSONError) in
      // A rejected span is skipped.
      guard excess == nil, reader.problem == nil else { return try reader.skip() }
      switch key {
      case "traceID":
        guard let text = try reader.text(key) else { break }
        if let id = TraceID(text) {
          pending.span.traceID = id
        } else {
          reader.reject("traceID must have 1 to 32 hexadecimal digits and not be zero")
        }
      case "spanID": pending.span.id = try reader.spanID(key) ?? 0
      case "parentSpanID":
        if let id = try reader.spanID(key, mayBeZero: true) {
          pending.span.references.append(JaegerSpan.Reference(spanID: id))
        }
      case "operationName": pending.span.operation = try text(&reader, key)
      case "startTime": pending.span.start = try reader.integer(key)
      case "duration": pending.span.duration = try reader.integer(key)
      case "flags": pending.span.isDebug = try reader.integer(key) & 2 != 0
      case "references":
        try reader.list(key) { (reader) throws(JSONError) in
          guard takeValue() else { return try reader.skip() }
          let reference = try Self.reference(&reader)
          pending.span.references.append(reference)
        }
      case "tags": pending.span.tags = try fields(&reader, key)
      case "logs":
        try reader.list(key) { (reader) throws(JSONError) in
          guard pending.span.logs.count < limits.annotationsPerSpan else {
            return try skip(&reader, bounds.tooManyAnnotations)
          }
          guard takeValue() else { return try reader.skip() }
          let log = try log(&reader)
          pending.span.logs.append(log)
        }
      case "processID": pending.process = try text(&reader, key)
      case "process": pending.span.process = try process(&reader)
      case JaegerExport.wholeKey: pending.whole = try whole(&reader)
      default: try reader.skip()
      }
    }
  }

  /// Parses a span in Zipkin's form, which is complete.
  private mutating func whole(_ reader: inout JSONFieldReader) throws(JSONError) -> Span? {
    let piece = try reader.piece()
    var rest = limits
    rest.valuesPerRequest = max(0, limits.valuesPerRequest - values.count)
    let parsed = try? ParsedSpans.parse([0x5B] + piece + [0x5D], limits: rest)
    if let problem = parsed?.rejections.first?.reason { reader.reject("\(JaegerExport.wholeKey): \(problem)") }
    _ = values.take(parsed?.values.count ?? 0, limits)
    return parsed?.spans.first
  }

  private static func reference(_ reader: inout JSONFieldReader) throws(JSONError) -> JaegerSpan.Reference {
    var reference = JaegerSpan.Reference()
    try reader.object("a reference") { (reader, key) throws(JSONError) in
      switch key {
      case "refType": reference.isChildOf = try reader.text("references.refType") != "FOLLOWS_FROM"
      case "traceID": reference.traceID = try reader.text("references.traceID").flatMap { TraceID($0) }
      case "spanID": reference.spanID = try reader.spanID("references.spanID", mayBeZero: true) ?? 0
      default: try reader.skip()
      }
    }
    return reference
  }

  private mutating func log(_ reader: inout JSONFieldReader) throws(JSONError) -> JaegerSpan.Log {
    var log = JaegerSpan.Log()
    try reader.object("a log") { (reader, key) throws(JSONError) in
      switch key {
      case "timestamp": log.timestamp = try reader.integer("logs.timestamp")
      case "fields": log.fields = try fields(&reader, "logs.fields")
      default: try reader.skip()
      }
    }
    return log
  }

  private mutating func process(_ reader: inout JSONFieldReader) throws(JSONError) -> JaegerSpan.Process {
    var process = JaegerSpan.Process()
    try reader.object("a process") { (reader, key) throws(JSONError) in
      switch key {
      case "serviceName": process.service = try text(&reader, "serviceName")
      case "tags": process.tags = try fields(&reader, "the tags of a process")
      default: try reader.skip()
      }
    }
    return process
  }

  /// Parses keys with typed values. Values without a key are omitted.
  private mutating func fields(_ reader: inout JSONFieldReader, _ what: String) throws(JSONError) -> [Attribute] {
    var fields: [Attribute] = []
    // Some senders write an empty list as null.
    try reader.list(what) { (reader) throws(JSONError) in
      guard fields.count < limits.tagsPerSpan else { return try skip(&reader, bounds.tooManyTags) }
      guard takeValue() else { return try reader.skip() }
      var field = Attribute(key: "", value: .null)
      try reader.object("a tag") { (reader, key) throws(JSONError) in
        switch key {
        case "key": field.key = try text(&reader, "the key of a tag")
        case "value": field.value = try value(&reader)
        default: try reader.skip()
        }
      }
      if !field.key.isEmpty { fields.append(field) }
    }
    return fields
  }

  /// Parses a value; a list or an object becomes JSON text.
  private mutating func value(_ reader: inout JSONFieldReader) throws(JSONError) -> AttributeText {
    if try reader.scanner.next("a value") == 0x22 { return .text(try text(&reader, "the value of a tag")) }
    let piece = try reader.piece()
    textBytes += piece.count
    guard textBytes <= limits.textBytesPerSpan else {
      excess = bounds.textsTooLong
      return .null
    }
    return .literal(String(decoding: piece, as: UTF8.self))
  }
}
