public import HTTPTypes

/// An answer to a request, complete, before it is sent.
public struct Answer: Sendable {
  /// The status.
  public var status: HTTPResponse.Status
  /// The header fields, without those that say how the body is sent.
  public var fields: HTTPFields
  /// The body. It is not sent in the answer to HEAD, but its length is.
  public var body: [UInt8]
  /// What was answered, as metrics and logs name it: ``Operation/name``; nil if no path was found.
  package var operation: String?

  /// An answer.
  ///
  /// - Parameter type: the media type of the body; nil if there is none.
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

  /// The answer as a message. The answer to HEAD has the length of the body and no body.
  public func message(to request: HTTPRequest) -> (HTTPResponse, [UInt8]) {
    var response = HTTPResponse(status: status, headerFields: fields)
    if status != .notModified { response.headerFields[.contentLength] = String(body.count) }
    return (response, request.method == .head ? [] : body)
  }
}
