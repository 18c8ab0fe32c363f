import JSONText
import TraceFormats
import TraceModel

extension FuzzTarget {
  /// Spans in every format in which they come.
  static let spans: [FuzzTarget] = [
    format("zipkin-v2", .zipkinJSON, #"[{"traceId":"a","id":"b","name":"get","tags":{"a":"b"}}]"#),
    format("zipkin-v1", .zipkinV1JSON, #"[{"traceId":"a","id":"b","annotations":[{"timestamp":1,"value":"sr"}]}]"#),
    format("zipkin-protobuf", .zipkinProtobuf, "\u{a}\u{8}\u{a}\u{1}a\u{1a}\u{1}b"),
    format("otlp-protobuf", .otlpProtobuf, "\u{a}\u{2}\u{a}\u{0}"),
    format("otlp-json", .otlpJSON, #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"a"}]}]}]}"#),
    format("import", .file, #"{"data":[{"traceID":"a","spans":[{"spanID":"b"}],"processes":{}}]}"#),
  ]

  private static func format(_ name: String, _ format: SpanFormat, _ sample: String) -> FuzzTarget {
    FuzzTarget(
      name, "spans in the format \(name): read, assembled to traces, written for Zipkin and Jaeger, and read again",
      samples: [sample]
    ) { bytes in
      let limits = CollectorLimits()
      if format == .file { for form in TraceListing.Form.allCases { checkListing(bytes, form) } }
      guard let parsed = try? format.parse(bytes, limits: limits) else { return 0 }
      require(parsed.spans.count <= limits.spansPerRequest, "there are \(parsed.spans.count) spans")
      var json = JSONWriter()
      json.spans(parsed.spans)
      let again = try? SpanFormat.zipkinJSON.parse(json.bytes, limits: limits)
      require(again?.spans.count == parsed.spans.count, "Zipkin's JSON of them cannot be read: \(json.text)")
      var jaeger = JSONWriter()
      JaegerExport(parsed.spans).write(to: &jaeger)
      let back = try? SpanFormat.file.parse(jaeger.bytes, limits: limits)
      require(
        parsed.spans.isEmpty || back?.rejections.isEmpty == true, "Jaeger's JSON of them cannot be read: \(jaeger.text)"
      )
      return parsed.rejections.count + assembled(parsed.spans)
    }
  }

  /// Checks that each trace of an answer of a query API, alone in an answer, is the same trace.
  private static func checkListing(_ bytes: [UInt8], _ form: TraceListing.Form) {
    guard let listing = try? TraceListing(bytes, form) else { return }
    var end = 0
    for trace in listing.traces {
      require(trace.bytes.lowerBound >= end && trace.bytes.upperBound <= bytes.count, "traces overlap: \(trace.bytes)")
      end = trace.bytes.upperBound
    }
    // One of them, so that the work is a line over the length.
    guard let trace = listing.traces.last else { return }
    let (start, rest) = form == .zipkin ? ("[", "]") : (#"{"data":["#, "]}")
    let alone = try? TraceListing(Array(start.utf8) + bytes[trace.bytes] + Array(rest.utf8), form)
    require(
      alone?.traces.count == 1 && alone?.traces.first?.id == trace.id && alone?.traces.first?.spans == trace.spans,
      "a trace of an answer is another one when it is alone")
  }

  /// The number of spans in the trees of their traces.
  private static func assembled(_ spans: [Span]) -> Int {
    var count = 0
    for part in Dictionary(grouping: spans, by: \.traceID.low).values {
      for trace in TraceAssembly.traces(part) {
        let tree = SpanTree(trace)
        require(tree.nodes.isEmpty == (TraceSummary(tree) == nil), "a tree has no summary")
        count += tree.nodes.count
      }
    }
    require(count <= spans.count, "\(count) spans are in the trees of \(spans.count)")
    return count
  }
}
