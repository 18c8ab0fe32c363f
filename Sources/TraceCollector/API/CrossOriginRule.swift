import HTTPTypes

/// Which pages of other origins may use the API from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol).
struct CrossOriginRule: Sendable {
  private let origins: Set<String>

  /// - Parameter origins: such as `https://grafana.example:3000`, or `*` for all; none for none.
  init(_ origins: [String]) { self.origins = Set(origins) }

  /// What the answer to a request says about it.
  func fields(for request: HTTPRequest) -> [(name: String, value: String)] {
    guard !origins.isEmpty, let origin = request.headerFields[.origin] else { return [] }
    // No cookies or the like are asked for, so that the star does for everybody.
    if origins.contains("*") { return [("Access-Control-Allow-Origin", "*")] }
    return origins.contains(origin)
      ? [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")] : [("Vary", "Origin")]
  }

  /// The answer to a browser's question before a request; nil if the request is none.
  func preflight(_ request: HTTPRequest) -> Answer? {
    guard request.method == .options, request.headerFields[.origin] != nil,
      request.headerFields[.accessControlRequestMethod] != nil
    else { return nil }
    let fields = fields(for: request)
    guard fields.contains(where: { $0.name == "Access-Control-Allow-Origin" }) else {
      var answer = Answer(
        CollectorError(
          code: .invalid,
          message: "pages of this origin may not use the collector; the setting collector.allowedOrigins says which may"
        ))
      answer.status = .forbidden
      return answer
    }
    var answer = Answer(status: .noContent)
    answer.fields = [
      ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
      ("Access-Control-Allow-Headers", "Content-Type, Content-Encoding, Accept"), ("Access-Control-Max-Age", "7200"),
    ]
    return answer
  }
}
