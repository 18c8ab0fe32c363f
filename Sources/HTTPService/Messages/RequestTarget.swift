package import HTTPTypes

/// The target of a request taken apart.
package struct RequestTarget: Sendable {
  /// The path, its escapes not decoded.
  package var path: Substring
  /// What stands behind the question mark.
  package var query: Substring

  /// Takes a target apart: `/meshes?size=10`.
  package init(_ text: some StringProtocol & Sendable) {
    let text = Substring(text)
    let mark = text.utf8.firstIndex(of: UInt8(ascii: "?"))
    path = text[..<(mark ?? text.endIndex)]
    query = mark.map { text[text.utf8.index(after: $0)...] } ?? ""
  }
}

extension HTTPRequest {
  /// The path without its query, and without slashes at its end, which count for nothing.
  package var plainPath: Substring {
    let path = RequestTarget(path ?? "/").path
    guard let last = path.lastIndex(where: { $0 != "/" }) else { return "/" }
    return path[...last]
  }

  /// Scheme and host under which the client reached the server, such as `http://localhost:5681`.
  package var base: String { "\(scheme ?? "http")://\(authority ?? "localhost")" }

  /// Splits a whole address, as clients send it to a proxy, into the host and the path that it names
  /// (https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2).
  ///
  /// - Returns: nil for any other target.
  static func split(address: String) -> (authority: String, path: String)? {
    // Nearly every target begins with a slash.
    guard address.utf8.first != UInt8(ascii: "/"), let colon = address.firstRange(of: "://"),
      ["http", "https"].contains(address[..<colon.lowerBound].lowercased())
    else { return nil }
    let rest = address[colon.upperBound...]
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    return (String(rest[..<end]), rest[end...].hasPrefix("/") ? String(rest[end...]) : "/" + rest[end...])
  }
}
