public import HTTPTypes

/// Which pages of other sites may use a server from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol).
public struct OriginRule: Sendable {
  private let origins: Set<String>
  private let methods: String

  /// - Parameters:
  ///   - origins: such as `https://grafana.example:3000`, or `*` for all; none for none.
  ///   - methods: those that a page may use.
  public init(_ origins: some Sequence<String>, methods: [HTTPRequest.Method] = [.get, .head, .post]) {
    self.origins = Set(origins.map { $0.lowercased() })
    self.methods = methods.map(\.rawValue).joined(separator: ", ")
  }

  /// Whether a text may stand in a setting: an origin without a path, or `*`.
  public static func isOrigin(_ text: String) -> Bool {
    guard text != "*" else { return true }
    guard let end = text.firstRange(of: "://") else { return false }
    return end.lowerBound > text.startIndex && Authority(text[end.upperBound...]) != nil
  }

  /// Whether every page may use it.
  public var takesAll: Bool { origins.contains("*") }

  /// Whether pages of an origin may use it.
  public func allows(_ origin: String) -> Bool { takesAll || origins.contains(origin.lowercased()) }

  /// What browsers want to know in the answer to a request.
  public func fields(for request: HTTPRequest) -> HTTPFields {
    var fields = HTTPFields()
    guard !origins.isEmpty, let origin = request.headerFields[.origin] else { return fields }
    // No cookies or the like are asked for, so that the star does for everybody.
    if takesAll {
      fields[.accessControlAllowOrigin] = "*"
    } else {
      if allows(origin) { fields[.accessControlAllowOrigin] = origin }
      fields[.vary] = "Origin"
    }
    return fields
  }

  /// The answer to a browser's question before a request, which an allowed page is going to send; nil if it is none.
  public func preflight(_ request: HTTPRequest) -> Answer? {
    guard request.method == .options, let origin = request.headerFields[.origin], allows(origin),
      request.headerFields[.accessControlRequestMethod] != nil
    else { return nil }
    var answer = Answer(.noContent)
    answer.fields = [
      .accessControlAllowMethods: methods,
      .accessControlAllowHeaders: "Content-Type, Content-Encoding, Accept", .accessControlMaxAge: "7200",
    ]
    return answer
  }
}
