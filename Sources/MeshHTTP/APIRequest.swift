import HTTPTypes

/// A request whose route has been found.
struct APIRequest: Sendable {
  /// The path as it was sent, without the query.
  var rawPath: String
  /// The decoded values of the route's parameters.
  var parameters: [String: String]
  /// The query.
  var query: QueryParameters
  /// The body.
  var body: [UInt8]
  /// Scheme and host under which the client reached the API, such as `http://localhost:5681`.
  var base: String
  /// The pattern of the route, such as `/meshes/{mesh}`.
  var pattern: String

  /// A parameter of the path; empty when the route has none of the name.
  func parameter(_ name: String) -> String { parameters[name] ?? "" }
}

/// A path taken apart.
struct RequestTarget: Sendable {
  /// The path as it was sent, without the query.
  var rawPath: String
  /// The decoded segments. A slash at the end counts for nothing.
  var segments: [String]
  /// The query.
  var query: QueryParameters

  /// Reads the target of a request line; `nil` when it is no path or cannot be decoded.
  init?(_ text: String) {
    guard text.hasPrefix("/") else { return nil }
    let end = text.firstIndex(of: "?") ?? text.endIndex
    rawPath = String(text[..<end])
    query = QueryParameters(end == text.endIndex ? "" : text[text.index(after: end)...])
    var path = text[..<end]
    while path.hasPrefix("/") { path = path.dropFirst() }
    while path.hasSuffix("/") { path = path.dropLast() }
    segments = []
    guard !path.isEmpty else { return }
    for part in path.split(separator: "/", omittingEmptySubsequences: false) {
      guard let segment = PercentCoding.decode(part, plusIsSpace: false) else { return nil }
      segments.append(segment)
    }
  }
}

extension HTTPRequest {
  /// Scheme and host under which the client reached the server.
  var base: String {
    let host = authority ?? HTTPField.Name("Host").flatMap { headerFields[$0] } ?? "localhost"
    return "\(scheme ?? "http")://\(host)"
  }
}
