import HTTPTypes
import MeshModel

/// An answer before it is put into HTTP's terms.
struct APIResponse: Sendable {
  /// The status.
  var status: HTTPResponse.Status
  /// The body's media type; `nil` for no body.
  var contentType: String?
  /// The body.
  var body: [UInt8]
  /// Methods that the path has, for a 405.
  var allowed: Set<HTTPRequest.Method> = []
  /// Another address, for a 301.
  var location: String?

  /// An answer without a body.
  static func empty(_ status: HTTPResponse.Status) -> APIResponse {
    APIResponse(status: status, contentType: nil, body: [])
  }

  /// A JSON document, indented by one space as Kuma's are.
  static func json(_ document: DocumentValue, status: HTTPResponse.Status = .ok) -> APIResponse {
    APIResponse(status: status, contentType: "application/json", body: Array((document.json(.indented(1)) + "\n").utf8))
  }

  /// Plain text: what is answered where no route was chosen.
  static func text(_ text: String, status: HTTPResponse.Status) -> APIResponse {
    APIResponse(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
  }

  /// Sends the client to another address for good. Source of the body, which only a GET gets: Go's `http.Redirect`.
  static func moved(to location: String, method: HTTPRequest.Method) -> APIResponse {
    var response = APIResponse.empty(.movedPermanently)
    response.location = location
    guard method == .get || method == .head else { return response }
    let escapes = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&#34;"), ("'", "&#39;")]
    let escaped = escapes.reduce(location) { $0.replacing($1.0, with: $1.1) }
    response.contentType = "text/html; charset=utf-8"
    response.body = Array("<a href=\"\(escaped)\">Moved Permanently</a>.\n\n".utf8)
    return response
  }

  /// The answer as a message.
  var message: (HTTPResponse, [UInt8]) {
    var response = HTTPResponse(status: status)
    if let contentType { response.headerFields[.contentType] = contentType }
    if !allowed.isEmpty { response.headerFields[.allow] = allowed.map(\.rawValue).sorted().joined(separator: ", ") }
    if let location { response.headerFields[.location] = location }
    return (response, body)
  }
}
