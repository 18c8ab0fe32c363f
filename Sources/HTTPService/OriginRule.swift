public import HTTPTypes

/// Which pages of other sites may use a server from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol).
public struct OriginRule: Sendable {
  private let origins: Set<String>
  private let methods: String

  /// - Parameters:
  ///   - origins: the allowed origins, such as `https://grafana.example:3000`, or `*` for all.
  ///   - methods: the methods that a page may use.
  public init(_ origins: some Sequence<String>, methods: [HTTPRequest.Method] = [.get, .head, .post]) {
    self.origins = Set(origins.map { $0.lowercased() })
    self.methods = methods.map(\.rawValue).joined(separator: ", ")
  }

  /// Whether a text is a valid origin in a setting: an origin without a path, or `*`.
  public static func isOrigin(_ text: String) -> Bool {
    guard text != "*" else { return true }
    guard let end = text.firstRange(of: "://") else { return false }
    return end.lowerBound > text.startIndex && Authority(text[end.upperBound...]) != nil
  }

  /// Whether all pages may use the server.
  public var allowsAll: Bool { origins.contains("*") }

  /// Whether pages of an origin may use the server.
  public func allows(_ origin: String) -> Bool { allowsAll || origins.contains(origin.lowercased()) }

  /// The CORS fields of an answer.
  public func fields(for request: HTTPRequest) -> HTTPFields {
    var fields = HTTPFields()
    guard !origins.isEmpty, let origin = request.headerFields[.origin] else { return fields }
    // The server uses no credentials, so `*` is enough for every origin.
    if allowsAll {
      fields[.accessControlAllowOrigin] = "*"
    } else {
      if allows(origin) { fields[.accessControlAllowOrigin] = origin }
      fields[.vary] = "Origin"
    }
    return fields
  }

  /// The answer to the preflight request of an allowed page; nil for other requests.
  public func preflight(_ request: HTTPRequest) -> Answer? {
    guard request.method == .options, let origin = request.headerFields[.origin], allows(origin),
      request.headerFields[.accessControlRequestMethod] != nil
    else { return nil }
    var answer = Answer(.noContent)
    answer.fields = [
      .accessControlAllowMethods: methods,
      .accessControlAllowHeaders: "Authorization, Content-Type, Content-Encoding, Accept", .accessControlMaxAge: "7200",
    ]
    return answer
  }
}
