import HTTPTypes

/// A request whose route has been found.
struct APIRequest: Sendable {
  /// The path without the query, with escapes only where a character needs one, as Kuma gives it back.
  var path: String
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
  /// The path without the query, with escapes only where a character needs one, as Kuma gives it back.
  var path: String
  /// The decoded segments. A slash at the end counts for nothing.
  var segments: [String]
  /// The query.
  var query: QueryParameters
  /// Where the request is sent to instead, if the path has empty segments, `.` or `..`; `nil` if it has none.
  var moved: String?

  /// Reads the target of a request line; `nil` when it is no path or cannot be decoded.
  init?(_ text: String) {
    guard text.hasPrefix("/") else { return nil }
    let end = text.firstIndex(of: "?") ?? text.endIndex
    query = QueryParameters(end == text.endIndex ? "" : text[text.index(after: end)...])
    // Decoded first and taken apart then, as Kuma does it: an escaped slash is one.
    guard let path = PercentCoding.decode(text[..<end], plusIsSpace: false) else { return nil }
    self.path = PercentCoding.encode(path: path)
    let clean = Self.clean(path)
    moved = clean == path ? nil : PercentCoding.encode(path: clean) + text[end...]
    var rest = path[...]
    while rest.hasPrefix("/") { rest = rest.dropFirst() }
    while rest.hasSuffix("/") { rest = rest.dropLast() }
    segments = rest.isEmpty ? [] : rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
  }

  /// A path without empty segments, `.` and `..`; a slash at the end stays. Source: Go's `http.ServeMux`.
  private static func clean(_ path: String) -> String {
    var segments: [Substring] = []
    for segment in path.split(separator: "/") where segment != "." {
      if segment == ".." { _ = segments.popLast() } else { segments.append(segment) }
    }
    guard !segments.isEmpty else { return "/" }
    return "/" + segments.joined(separator: "/") + (path.hasSuffix("/") ? "/" : "")
  }
}

extension HTTPRequest {
  /// Scheme and host under which the client reached the server.
  var base: String {
    let host = authority ?? HTTPField.Name("Host").flatMap { headerFields[$0] } ?? "localhost"
    return "\(scheme ?? "http")://\(host)"
  }
}
