package import HTTPTypes

/// Names of media types, and comparisons with `Content-Type` and `Accept`.
package enum MediaType {
  package static let json = "application/json"
  package static let yaml = "application/yaml"
  package static let html = "text/html"
  package static let text = "text/plain"
  package static let protobuf = "application/x-protobuf"
  /// JSON documents, one in each line.
  package static let jsonLines = "application/x-ndjson"
  /// HTML with its character set.
  package static let htmlUTF8 = "text/html; charset=utf-8"
  /// Plain text with its character set.
  package static let textUTF8 = "text/plain; charset=utf-8"
  /// Prometheus' text format.
  package static let prometheus = "text/plain; version=0.0.4; charset=utf-8"
  /// OpenMetrics without its version, as clients ask for it.
  package static let openMetrics = "application/openmetrics-text"
  /// OpenMetrics 1.0.
  package static let openMetrics1 = openMetrics + "; version=1.0.0; charset=utf-8"

  /// The type of a request's body, in lower case, without parameters and white space; empty if the request has no type.
  ///
  /// At most 256 bytes of the header are read, and each gives at most one. A type is of ASCII alone (RFC 9110, 8.3.1), so that a byte of
  /// anything else becomes a question mark, which no type has: half a character at the end would be longer than it was.
  package static func ofBody(_ request: HTTPRequest) -> String {
    guard let field = request.headerFields[.contentType] else { return "" }
    let type = field.utf8.prefix(256).prefix { $0 != UInt8(ascii: ";") }
    let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")
    let bytes = type.lazy.filter { $0 > 0x20 }.map { byte in
      letters.contains(byte) ? byte | 0x20 : byte < 0x80 ? byte : UInt8(ascii: "?")
    }
    return String(decoding: Array(bytes), as: UTF8.self)
  }

  /// Whether a header lists one of some types.
  ///
  /// As in Kuma 2.7, case matters, and `application/*` and weights of 0 are not supported.
  ///
  /// - Parameter anything: a name that matches every type.
  package static func list(_ header: String, containsAnyOf types: [String], anything: String? = nil) -> Bool {
    header.split(separator: ",").contains { part in
      let name = part.prefix { $0 != ";" }.drop { $0 == " " }
      let type = String(name.lastIndex { $0 != " " }.map { name[...$0] } ?? "")
      return types.contains(type) || type == anything
    }
  }
}
