import HTTPService
import HTTPTypes
import JSONText
import TraceModel
import TraceStore

extension Answer {
  /// A file of the page, or `304 Not Modified`. Browsers revalidate files each time, because a new version of the program may start
  /// at any time.
  init(_ file: PageFiles.File, for request: HTTPRequest, knownTags: String? = nil) {
    let packed = PageFiles.takesGzip(request.headerFields[.acceptEncoding]) ? file.packed : nil
    // The compressed file is another representation, with its own tag.
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

  /// An error as a sentence, as Zipkin's clients expect it.
  ///
  /// - Parameter retryAfter: how many seconds the client should wait before it retries an unavailable service.
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

  static func redirect(to address: String) -> Answer {
    var answer = Answer(.found)
    answer.fields[.location] = address
    answer.guardPage()
    return answer
  }

  static func methodNotAllowed(_ allowed: String) -> Answer {
    var answer = Answer(
      CollectorError(code: .invalid, message: "this path does not support the method; it supports \(allowed)"))
    answer.status = .methodNotAllowed
    answer.fields[.allow] = allowed
    return answer
  }

  /// An answer that browsers save as a file.
  static func download(_ answer: Answer, _ name: String) -> Answer {
    var answer = answer
    answer.fields[.contentDisposition] = "attachment; filename=\"\(name)\""
    return answer
  }

  /// Allows only our own files, no inline scripts or styles, and no frame around the page.
  static let contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  /// Adds fields that prevent other sites from using the page.
  private mutating func guardPage() {
    fields[.contentSecurityPolicy] = Self.contentSecurityPolicy
    for (name, value) in [("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY")] {
      if let name = HTTPField.Name(name) { fields[name] = value }
    }
  }

  /// Adds the fields of every answer of the collector.
  mutating func finish() {
    if fields[.cacheControl] == nil { fields[.cacheControl] = "no-store" }
    fields[.xContentTypeOptions] = "nosniff"
  }
}
