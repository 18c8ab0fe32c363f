/// The rules by which a body's type and the types that a client takes are compared.
///
/// They are coarser than HTTP's: case counts, `application/*` is not understood, and a weight of 0 is not either.
/// Source: Kuma 2.7.
enum MediaType {
  /// JSON, which every resource is sent and answered in.
  static let json = "application/json"
  /// YAML, which the description of the API is answered in.
  static let yaml = "application/yaml"

  /// HTML, for people who look with a browser.
  static let html = "text/html"

  /// Plain text, which Envoys answer in.
  static let text = "text/plain"

  /// Whether a body of the type is read. Without a type only requests that need no body are.
  static func accepts(contentType: String?, needsBody: Bool) -> Bool {
    guard let contentType, !contentType.isEmpty else { return !needsBody }
    return names(contentType).contains(json)
  }

  /// Whether an answer of one of the types is wanted by an `Accept` header.
  static func matches(accept: String?, produced: [String]) -> Bool {
    guard let accept, !accept.isEmpty else { return true }
    return names(accept).contains { $0 == "*/*" || produced.contains($0) }
  }

  private static func names(_ header: String) -> [String] {
    header.split(separator: ",").map { part in
      let name = part.prefix { $0 != ";" }.drop { $0 == " " }
      return name.lastIndex { $0 != " " }.map { String(name[...$0]) } ?? ""
    }
  }
}
