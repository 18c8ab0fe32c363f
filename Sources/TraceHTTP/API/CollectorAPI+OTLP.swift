public import HTTPTypes
import JSONText
import TraceFormats
import TraceModel

extension CollectorAPI {
  /// Where OpenTelemetry's exporters send spans.
  public static let otlpPath = "/v1/traces"

  /// Answers a request at the port for OpenTelemetry's exporters, where nothing else is served.
  public func respondToOTLP(_ request: HTTPRequest, body: [UInt8] = []) async -> (HTTPResponse, [UInt8]) {
    let path = Self.parameters(of: request).path
    guard path == Self.otlpPath else {
      let error = CollectorError(
        code: .notFound, message: "there is nothing at \(path.prefix(256)); spans are sent to \(Self.otlpPath)")
      return OTLPAnswer(request).failure(error).rendered(for: request)
    }
    return await storeOTLP(request, body).rendered(for: request)
  }

  /// Stores an `ExportTraceServiceRequest`, and answers as OpenTelemetry's protocol wants it over HTTP
  /// (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response).
  func storeOTLP(_ request: HTTPRequest, _ body: [UInt8]) async -> Answer {
    let answer = OTLPAnswer(request)
    guard request.method == .post else { return answer.methodNotAllowed }
    let format: SpanFormat
    switch answer.type {
    case .protobuf: format = .otlpProtobuf
    case .json: format = .otlpJSON
    case nil:
      let type = Self.mediaType(request)
      return answer.failure(
        CollectorError(
          code: .unsupported,
          message: "spans must be sent as application/x-protobuf or application/json, not as "
            + (type.isEmpty ? "nothing in particular" : type)))
    }
    do throws(CollectorError) {
      return try await store(request, body, as: format) { answer.success($0) }
    } catch {
      return answer.failure(error, retryAfter: retryAfter(error))
    }
  }
}

/// Answers of OpenTelemetry's protocol, in the content type of the request: `ExportTraceServiceResponse` and, for errors,
/// `google.rpc.Status`.
struct OTLPAnswer {
  /// The two content types of the protocol.
  enum ContentType: String {
    case protobuf = "application/x-protobuf"
    case json = "application/json"
  }

  /// The request's; nil if it is neither.
  let type: ContentType?

  init(_ request: HTTPRequest) {
    switch CollectorAPI.mediaType(request) {
    case "application/x-protobuf", "application/protobuf": type = .protobuf
    case "application/json": type = .json
    default: type = nil
    }
  }

  /// Whether all was stored, or how much was not and why. A request of which nothing can be used is an error, which no
  /// exporter repeats.
  func success(_ outcome: CollectorAPI.Outcome) -> Answer {
    let reasons = [Self.reasons(outcome.rejections), outcome.notice ?? ""].filter { !$0.isEmpty }
      .joined(separator: "; ")
    if outcome.stored == 0, !outcome.rejections.isEmpty {
      return failure(CollectorError(code: .invalid, message: "none of the spans was stored: \(reasons)"))
    }
    var protobuf = ProtobufWriter()
    var json = JSONWriter()
    json.beginObject()
    // Without rejected spans it is a warning.
    if !reasons.isEmpty {
      var partial = ProtobufWriter()
      if !outcome.rejections.isEmpty { partial.number(1, UInt64(outcome.rejections.count)) }
      partial.bytes(2, Array(reasons.utf8))
      protobuf.bytes(1, partial.bytes)
      json.key("partialSuccess")
      json.beginObject()
      json.key("rejectedSpans")
      json.string(String(outcome.rejections.count))
      json.key("errorMessage")
      json.string(reasons)
      json.endObject()
    }
    json.endObject()
    return answer(.ok, protobuf: protobuf.bytes, json: json.bytes)
  }

  private static func reasons(_ rejections: [SpanRejection]) -> String {
    let shown = rejections.prefix(10).map { "span \($0.index): \($0.reason)" }.joined(separator: "; ")
    return rejections.count > 10 ? shown + "; and \(rejections.count - 10) more" : shown
  }

  func failure(_ error: CollectorError, retryAfter: Int = 1) -> Answer {
    // The status of HTTP, and the codes of google.rpc.Code.
    let code: UInt64 =
      switch error.code {
      case .invalid, .unsupported: 3
      case .notFound: 5
      case .tooLarge: 8
      case .unavailable: 14
      }
    let plain = Answer(error, retryAfter: retryAfter)
    return failure(plain.status, code: code, error.message, fields: plain.fields)
  }

  var methodNotAllowed: Answer {
    failure(.methodNotAllowed, code: 12, "spans are sent with POST", fields: [("Allow", "POST")])
  }

  private func failure(
    _ status: HTTPResponse.Status, code: UInt64, _ message: String, fields: [(name: String, value: String)]
  ) -> Answer {
    var protobuf = ProtobufWriter()
    protobuf.number(1, code)
    protobuf.bytes(2, Array(message.utf8))
    var json = JSONWriter()
    json.beginObject()
    json.key("code")
    json.number(code)
    json.key("message")
    json.string(message)
    json.endObject()
    var answer = answer(status, protobuf: protobuf.bytes, json: json.bytes)
    answer.fields = fields
    return answer
  }

  private func answer(_ status: HTTPResponse.Status, protobuf: [UInt8], json: [UInt8]) -> Answer {
    var answer = Answer(status: status)
    // Whoever sent neither can read JSON best.
    let type = type ?? .json
    answer.contentType = type.rawValue
    answer.hasType = true
    answer.body = type == .protobuf ? protobuf : json
    return answer
  }
}

/// Writes protobuf's wire format.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func number(_ field: UInt64, _ value: UInt64) {
    varint(field << 3)
    varint(value)
  }

  mutating func bytes(_ field: UInt64, _ value: [UInt8]) {
    varint(field << 3 | 2)
    varint(UInt64(value.count))
    bytes += value
  }
}
