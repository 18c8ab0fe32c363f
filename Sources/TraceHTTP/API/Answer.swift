import HTTPService
import HTTPTypes
import JSONText
import TraceModel
import TraceStore

extension Answer {
  /// A file of the page, or that it has not changed since the browser got it. Browsers ask every time, as a new version
  /// of the program may come at any moment.
  init(_ file: PageFiles.File, for request: HTTPRequest, knownTags: String? = nil) {
    let packed = PageFiles.takesGzip(request.headerFields[.acceptEncoding]) ? file.packed : nil
    // What is packed differently is another representation, which has a tag of its own.
    let tag = packed == nil ? file.entityTag : "\(file.entityTag.dropLast())-gzip\""
    let known = (knownTags ?? "").split(whereSeparator: { $0 == "," || $0 == " " })
    if known.contains(where: { $0 == tag || $0 == "W/" + tag }) {
      self.init(.notModified)
    } else {
      self.init(type: file.type, body: packed ?? file.content)
      if packed != nil { fields[.contentEncoding] = "gzip" }
    }
    fields[.eTag] = tag
    fields[.vary] = "Accept-Encoding"
    fields[.cacheControl] = "no-cache"
    guardPage()
  }

  /// An answer in JSON.
  static func json(_ status: HTTPResponse.Status = .ok, _ write: (inout JSONWriter) -> Void) -> Answer {
    var json = JSONWriter()
    write(&json)
    return Answer(status, type: MediaType.json, body: json.bytes)
  }

  /// An error, as a sentence; that is how Zipkin's clients expect it.
  ///
  /// - Parameter retryAfter: in how many seconds to try again, if that may help.
  init(_ error: CollectorError, retryAfter: Int = 1) {
    let status: HTTPResponse.Status =
      switch error.code {
      case .invalid: .badRequest
      case .notFound: .notFound
      case .tooLarge: .contentTooLarge
      case .unsupported: .unsupportedMediaType
      case .unavailable: .serviceUnavailable
      }
    self = .text(error.message + "\n", status)
    if error.code == .unavailable { fields[.retryAfter] = String(retryAfter) }
  }

  /// Sends a browser elsewhere.
  static func redirect(to address: String) -> Answer {
    var answer = Answer(.found)
    answer.fields[.location] = address
    answer.guardPage()
    return answer
  }

  static func methodNotAllowed(_ allowed: String) -> Answer {
    var answer = Answer(
      CollectorError(code: .invalid, message: "this path does not know the method; it knows \(allowed)"))
    answer.status = .methodNotAllowed
    answer.fields[.allow] = allowed
    return answer
  }

  /// A file to keep.
  static func download(_ answer: Answer, _ name: String) -> Answer {
    var answer = answer
    answer.fields[.contentDisposition] = "attachment; filename=\"\(name)\""
    return answer
  }

  /// Nothing but our own files, no script or style in the page itself, no frame around it.
  static let contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  /// Adds what keeps the page from being used by others.
  private mutating func guardPage() {
    fields[.contentSecurityPolicy] = Self.contentSecurityPolicy
    for (name, value) in [("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY")] {
      if let name = HTTPField.Name(name) { fields[name] = value }
    }
  }

  /// Adds what every answer of the collector has.
  mutating func finish() {
    if fields[.cacheControl] == nil { fields[.cacheControl] = "no-store" }
    fields[.xContentTypeOptions] = "nosniff"
  }
}
