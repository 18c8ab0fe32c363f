import HTTPService
import HTTPTypes

/// The target of a request. As in Kuma, the whole path is decoded first, so that an escaped slash separates segments.
struct PathTarget: Sendable {
  /// The decoded path.
  var path: Substring
  /// The query.
  var query: QueryParameters
  /// The clean path to redirect to, if the path has empty segments, `.` or `..`; nil if it has none.
  var moved: String?

  /// Parses the target of a request line; nil if it is not a path or cannot be decoded.
  init?(_ text: String) {
    let target = RequestTarget(text)
    guard target.path.hasPrefix("/"), let path = PercentCoding.decode(target.path) else { return nil }
    self.path = path[...]
    query = QueryParameters(target.query, decoding: .strict)
    let clean = Self.clean(path)
    if clean != path { moved = PercentCoding.encode(path: clean) + text[target.path.endIndex...] }
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

extension Answer {
  /// A permanent redirect. Source of the body, which only a GET gets: Go's `http.Redirect`.
  static func moved(to location: String, method: HTTPRequest.Method) -> Answer {
    let escapes = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&#34;"), ("'", "&#39;")]
    let escaped = escapes.reduce(location) { $0.replacing($1.0, with: $1.1) }
    var answer =
      method == .get || method == .head
      ? Answer.text("<a href=\"\(escaped)\">Moved Permanently</a>.\n\n", .movedPermanently, type: MediaType.htmlUTF8)
      : Answer(.movedPermanently)
    answer.fields[.location] = location
    return answer
  }
}
