import HTTPTypes
import JSONText
import TraceModel
import TraceStore

/// An answer before it is rendered.
struct Answer {
  var status = HTTPResponse.Status.ok
  var contentType = "application/json"
  /// Whether the content type is said even of an empty body, which some formats have for a message of their own.
  var hasType = false
  var fields: [(name: String, value: String)] = []
  var body: [UInt8] = []
  var cacheControl = "no-store"

  /// An answer without a body.
  init(status: HTTPResponse.Status) { self.status = status }

  /// A file of the page, or that it has not changed since the browser got it. Browsers ask every time, as a new version
  /// of the program may come at any moment.
  init(_ file: PageFiles.File, knownTags: String?, acceptsGzip: Bool) {
    cacheControl = "no-cache"
    let packed = acceptsGzip ? file.packed : nil
    // What is packed differently is another representation, which has a tag of its own.
    let tag = packed == nil ? file.entityTag : "\(file.entityTag.dropLast())-gzip\""
    fields += [("ETag", tag), ("Vary", "Accept-Encoding")]
    let known = (knownTags ?? "").split(whereSeparator: { $0 == "," || $0 == " " })
    if known.contains(where: { $0 == tag || $0 == "W/" + tag }) {
      status = .notModified
    } else {
      body = packed ?? file.content
      contentType = file.type
      if packed != nil { fields.append(("Content-Encoding", "gzip")) }
    }
  }

  /// An answer in JSON.
  init(status: HTTPResponse.Status = .ok, _ write: (inout JSONWriter) -> Void) {
    self.status = status
    var json = JSONWriter()
    write(&json)
    body = json.bytes
  }

  /// An error, as a sentence; that is how Zipkin's clients expect it.
  ///
  /// - Parameter retryAfter: in how many seconds to try again, if that may help.
  init(_ error: CollectorError, retryAfter: Int = 1) {
    switch error.code {
    case .invalid: status = .badRequest
    case .notFound: status = .notFound
    case .tooLarge: status = .contentTooLarge
    case .unsupported: status = .unsupportedMediaType
    case .unavailable:
      status = .serviceUnavailable
      fields.append(("Retry-After", String(retryAfter)))
    }
    contentType = "text/plain; charset=utf-8"
    body = Array((error.message + "\n").utf8)
  }

  /// Sends a browser elsewhere.
  init(redirectTo address: String) {
    self.init(status: .found)
    fields.append(("Location", address))
  }

  static func methodNotAllowed(_ allowed: String) -> Answer {
    var answer = Answer(
      CollectorError(code: .invalid, message: "this path does not know the method; it knows \(allowed)"))
    answer.status = .methodNotAllowed
    answer.fields.append(("Allow", allowed))
    return answer
  }

  func rendered(for request: HTTPRequest) -> (HTTPResponse, [UInt8]) {
    var response = HTTPResponse(status: status)
    if !body.isEmpty || hasType { response.headerFields[.contentType] = contentType }
    if status != .notModified { response.headerFields[.contentLength] = String(body.count) }
    response.headerFields[.cacheControl] = cacheControl
    response.headerFields[.xContentTypeOptions] = "nosniff"
    for (name, value) in fields {
      if let name = HTTPField.Name(name) { response.headerFields[name] = value }
    }
    return (response, request.method == .head ? [] : body)
  }
}
