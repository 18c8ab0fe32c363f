package import HTTPTypes

/// The path and the query of a request.
package struct RequestTarget: Sendable {
  /// The path, with its escapes.
  package var path: Substring
  /// The query, without the question mark.
  package var query: Substring

  /// Splits a target such as `/meshes?size=10`.
  package init(_ text: some StringProtocol & Sendable) {
    let text = Substring(text)
    let mark = text.utf8.firstIndex(of: UInt8(ascii: "?"))
    path = text[..<(mark ?? text.endIndex)]
    query = mark.map { text[text.utf8.index(after: $0)...] } ?? ""
  }
}

extension HTTPRequest {
  /// The path without its query and without trailing slashes.
  package var plainPath: Substring {
    let path = RequestTarget(path ?? "/").path
    guard let last = path.lastIndex(where: { $0 != "/" }) else { return "/" }
    return path[...last]
  }

  /// Scheme and host under which the client reached the server, such as `http://localhost:5681`.
  package var base: String { "\(scheme ?? "http")://\(authority ?? "localhost")" }

  /// Splits an absolute target, as clients send it to a proxy, into host and path
  /// (https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2).
  ///
  /// - Returns: nil for any other target.
  static func split(address: String) -> (authority: String, path: String)? {
    // Fast path: nearly every target begins with a slash.
    guard address.utf8.first != UInt8(ascii: "/"), let colon = address.firstRange(of: "://"),
      ["http", "https"].contains(address[..<colon.lowerBound].lowercased())
    else { return nil }
    let rest = address[colon.upperBound...]
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    return (String(rest[..<end]), rest[end...].hasPrefix("/") ? String(rest[end...]) : "/" + rest[end...])
  }
}
