public import MeshModel

/// Why a request to a control plane failed.
public struct ControlPlaneError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs to match on.
  public enum Code: Sendable, Hashable {
    /// The address is invalid.
    case invalidAddress
    /// A certificate or key cannot be read.
    case invalidCredentials
    /// Nothing answers at the address.
    case unreachable
    /// The server's certificate is not signed by a trusted authority.
    case untrusted
    /// The server's certificate is for other hosts.
    case misnamed
    /// The certificate of the server or of a trusted authority has expired or is not valid yet.
    case outOfDate
    /// The server does not use TLS, although the address begins with `https://`.
    case plaintext
    /// The request timed out.
    case timedOut
    /// The answer exceeds the size limit.
    case tooLarge
    /// The answer does not come from a control plane or cannot be parsed.
    case unexpectedAnswer
    /// Status 404.
    case notFound
    /// Status 400, 413, 415 or another client error.
    case refused
    /// Status 401 or 403, or a client certificate that the server does not trust; then there is no status.
    case denied
    /// Status 405: this control plane does not accept the change.
    case notAllowed
    /// Status 409: a concurrent change.
    case conflict
    /// Status 500 or above.
    case server
  }

  /// The kind of failure.
  public var code: Code
  /// The status, when there was an answer.
  public var status: Int?
  /// What failed: the server's title, or this program's sentence.
  public var title: String
  /// The server's reason; empty when it gave none.
  public var detail: String
  /// Why there was no answer, or why the address is invalid, in a few words; empty otherwise.
  public var reason: String
  /// The address that gave no answer; `nil` when there was one.
  public var address: ControlPlaneAddress?
  /// The violations of fields.
  public var violations: [Violation]
  /// The underlying error.
  public var cause: (any Error)?

  /// Describes a failure.
  public init(
    code: Code, status: Int? = nil, title: String, detail: String = "", violations: [Violation] = [],
    reason: String = "", address: ControlPlaneAddress? = nil, cause: (any Error)? = nil
  ) {
    self.code = code
    self.status = status
    self.title = title
    self.detail = detail
    self.reason = reason
    self.address = address
    self.violations = violations
    self.cause = cause
  }

  /// Title and reason on the first line, then a line for each field, as Kuma's command line prints them.
  public var description: String {
    var text = detail.isEmpty ? title : "\(title) (\(detail))"
    for violation in violations { text += "\n* \(violation.field): \(violation.message)" }
    return text
  }
}

extension ControlPlaneError {
  /// Parses an unsuccessful answer.
  ///
  /// Both forms of the body are supported: `details` and `causes` (before Kuma 2.5), `detail` and `invalid_parameters`
  /// (since then). Any other body, such as a proxy's page, is quoted in short.
  init(status: Int, body: [UInt8], request: String) {
    let document = try? DocumentValue(json: body)
    let violations = (document?["invalid_parameters"]?.array ?? document?["causes"]?.array ?? []).map { item in
      Violation(
        field: item["field"]?.string ?? "", message: item["reason"]?.string ?? item["message"]?.string ?? "")
    }
    let detail = document?["detail"]?.string ?? document?["details"]?.string ?? ""
    let code = Self.code(of: status)
    if let title = document?["title"]?.string {
      self.init(code: code, status: status, title: title, detail: detail, violations: violations)
      return
    }
    if status == 404 {
      self.init(code: code, status: status, title: "\(request): the server does not know this address")
      return
    }
    let text = String(decoding: body.prefix(200), as: UTF8.self)
      .split(whereSeparator: \.isNewline).joined(separator: " ")
    self.init(
      code: code, status: status, title: "\(request) was answered with status \(status)", detail: text)
  }

  private static func code(of status: Int) -> Code {
    switch status {
    case 401, 403: .denied
    case 404: .notFound
    case 405: .notAllowed
    case 409: .conflict
    case 400..<500: .refused
    case 500...: .server
    default: .unexpectedAnswer
    }
  }
}
