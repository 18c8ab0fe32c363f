package import TraceModel

/// The accepted formats of spans.
package enum SpanFormat: Hashable {
  /// Zipkin's v2 JSON.
  case zipkinJSON
  /// Zipkin's v2 protobuf.
  case zipkinProtobuf
  /// Zipkin's v1 JSON.
  case zipkinV1JSON
  /// A file of traces in JSON, in any format of ``ImportParser``.
  case file
  /// OpenTelemetry's protocol in protobuf.
  case otlpProtobuf
  /// OpenTelemetry's protocol in JSON.
  case otlpJSON

  /// The name in answers about senders.
  package var name: String {
    switch self {
    case .zipkinJSON: "zipkin-json"
    case .zipkinProtobuf: "zipkin-protobuf"
    case .zipkinV1JSON: "zipkin-v1-json"
    case .otlpProtobuf: "otlp-protobuf"
    case .otlpJSON: "otlp-json"
    case .file: "file"
    }
  }

  /// Parses spans. Throws if the body is not valid or has too many spans, then none of it counts.
  package func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    switch self {
    case .zipkinJSON: try ParsedSpans.parse(bytes, limits: limits)
    case .zipkinProtobuf: ParsedSpans(try ZipkinProtobufParser.parse(bytes, limits: limits))
    case .zipkinV1JSON: try ZipkinV1Parser.parse(bytes, limits: limits)
    case .file: try ImportParser.parse(bytes, limits: limits)
    case .otlpProtobuf: try OTLPProtobufParser.parse(bytes, limits: limits)
    case .otlpJSON: try OTLPJSONParser.parse(bytes, limits: limits)
    }
  }
}
