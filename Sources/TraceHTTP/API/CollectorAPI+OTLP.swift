import HTTPService
import HTTPTypes
import JSONText
import TraceFormats
import TraceModel

extension CollectorAPI {
  /// The path to which OpenTelemetry's exporters send spans.
  static let otlpRoute = CollectorRoute(
    operation: Operation(
      .post, "/v1/traces", "Stores spans in OpenTelemetry's protocol (OTLP).",
      accepts: [.init(MediaType.protobuf), .init(MediaType.json)],
      outcomes: [
        CollectorRoute.outcome(
          .ok, "An ExportTraceServiceResponse: all spans are stored except those that it counts.", otlpTypes),
        CollectorRoute.outcome(.badRequest, "No span was valid; a google.rpc.Status.", otlpTypes),
        CollectorRoute.outcome(.contentTooLarge, "The request is too large; a google.rpc.Status.", otlpTypes),
        CollectorRoute.outcome(
          .unsupportedMediaType, "The body is of another type; a google.rpc.Status.", [MediaType.json]),
        CollectorRoute.outcome(
          .serviceUnavailable, "No span can be stored now; a google.rpc.Status.", otlpTypes),
      ]), sender: .exporter, handler: CollectorAPI.storeOTLP)

  private static let otlpTypes = [MediaType.protobuf, MediaType.json]

  /// Stores an `ExportTraceServiceRequest`, and answers as OTLP over HTTP requires
  /// (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response).
  private func storeOTLP(_ request: RoutedRequest) async -> Answer {
    let answer = OTLPAnswer(request.head)
    let format: SpanFormat
    switch answer.type {
    case .protobuf: format = .otlpProtobuf
    case .json: format = .otlpJSON
    case nil:
      let type = MediaType.ofBody(request.head)
      return answer.failure(
        CollectorError(
          code: .unsupported,
          message: "spans must be sent as application/x-protobuf or application/json, not as "
            + (type.isEmpty ? "a body without a content type" : type)))
    }
    do throws(CollectorError) {
      return try await store(request, as: format) { answer.success($0) }
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

  /// The content type of the request; nil if it is another type.
  let type: ContentType?

  init(_ request: HTTPRequest) {
    switch MediaType.ofBody(request) {
    case MediaType.protobuf, "application/protobuf": type = .protobuf
    case MediaType.json: type = .json
    default: type = nil
    }
  }

  /// The answer when spans were stored; it says how many were rejected and why. If no span was valid, the answer is an error that
  /// exporters do not retry.
  func success(_ outcome: CollectorAPI.Outcome) -> Answer {
    let unread =
      outcome.unreadSpans == 0
      ? ""
      : "\(outcome.unreadSpans) \(outcome.unreadSpans == 1 ? "span was" : "spans were") not read, since "
        + (type == .protobuf
          ? "OTLP has not had instrumentation_library_spans (field 1000) since version 0.20: send scope_spans (field 2)"
          : "they are below keys that are not OTLP's: its JSON has keys such as resourceSpans and scopeSpans")
    let reasons = [unread, Self.reasons(outcome.rejections), outcome.notice ?? ""].filter { !$0.isEmpty }
      .joined(separator: "; ")
    let rejected = outcome.rejections.count + outcome.unreadSpans
    // A sender of another form of the protocol learns it from a partial success, which it does not repeat.
    if outcome.stored == 0, !outcome.rejections.isEmpty, !outcome.isMisread {
      return failure(CollectorError(code: .invalid, message: "none of the spans was stored: \(reasons)"))
    }
    var protobuf = ProtobufWriter()
    var json = JSONWriter()
    json.beginObject()
    // Without rejected spans a partial success is a warning.
    if !reasons.isEmpty {
      var partial = ProtobufWriter()
      if rejected > 0 { partial.number(1, UInt64(rejected)) }
      partial.bytes(2, Array(reasons.utf8))
      protobuf.bytes(1, partial.bytes)
      json.key("partialSuccess")
      json.beginObject()
      json.key("rejectedSpans")
      json.string(String(rejected))
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
    // Codes of google.rpc.Code.
    let code: UInt64 =
      switch error.code {
      case .invalid, .unsupported: 3
      case .notFound: 5
      case .tooLarge: 8
      case .unavailable: 14
      }
    let plain = Answer(error, retryAfter: retryAfter)
    var answer = failure(plain.status, code: code, error.message)
    answer.fields[.retryAfter] = plain.fields[.retryAfter]
    return answer
  }

  /// The answer to a sender that has to authenticate, or that may not send spans. Exporters retry neither
  /// (https://opentelemetry.io/docs/specs/otlp/#failures-1).
  func denial(_ status: HTTPResponse.Status, _ message: String) -> Answer {
    failure(status, code: status == .unauthorized ? 16 : 7, message)
  }

  func methodNotAllowed(_ allowed: String) -> Answer {
    var answer = failure(.methodNotAllowed, code: 12, "spans are sent with \(allowed)")
    answer.fields[.allow] = allowed
    return answer
  }

  private func failure(_ status: HTTPResponse.Status, code: UInt64, _ message: String) -> Answer {
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
    answer.sentence = message
    return answer
  }

  private func answer(_ status: HTTPResponse.Status, protobuf: [UInt8], json: [UInt8]) -> Answer {
    // A sender of another type gets JSON.
    let type = type ?? .json
    return Answer(status, type: type.rawValue, body: type == .protobuf ? protobuf : json)
  }
}
