public import HTTPTypes

/// A complete answer to a request.
public struct Answer: Sendable {
  /// The status.
  public var status: HTTPResponse.Status
  /// The header fields, without `Content-Length` and `Connection`.
  public var fields: HTTPFields
  /// The body. An answer to HEAD has its length only.
  public var body: [UInt8]
  /// The ``Operation/name`` for metrics and logs; nil if the path is unknown.
  package var operation: String?
  /// Why the request is refused, for the log only; nil for an answer that refuses nothing. It must contain no secret.
  package var refusalReason: String?
  /// What is wrong, of an answer whose body is no plain text; for protocols that say it beside the body.
  package var sentence: String?

  /// Whether the request is refused because its document is nested too deeply, or has too many values or aliases.
  package var exceedsDocumentBound = false

  /// Makes an answer.
  ///
  /// - Parameter type: the media type of the body; nil if there is no body.
  public init(_ status: HTTPResponse.Status = .ok, type: String? = nil, body: [UInt8] = []) {
    self.status = status
    self.body = body
    fields = HTTPFields()
    if let type { fields[.contentType] = type }
  }

  /// Plain text.
  package static func text(
    _ text: String, _ status: HTTPResponse.Status = .ok, type: String = MediaType.textUTF8
  ) -> Answer {
    Answer(status, type: type, body: Array(text.utf8))
  }

  /// The answer as an HTTP message.
  public func message(to request: HTTPRequest) -> (HTTPResponse, [UInt8]) {
    var response = HTTPResponse(status: status, headerFields: fields)
    if status != .notModified { response.headerFields[.contentLength] = String(body.count) }
    return (response, request.method == .head ? [] : body)
  }
}
