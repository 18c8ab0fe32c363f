import HTTPTypes

extension CollectorAPI {
  /// Nothing but our own files, no script or style in the page itself, no frame around it.
  static let contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  /// A file of the page; nil if the path is none.
  func page(_ path: String, knownTags: String? = nil, acceptsGzip: Bool = false) -> Answer? {
    var answer: Answer
    if isView(path) {
      answer = Answer(PageFiles.page, knownTags: knownTags, acceptsGzip: acceptsGzip)
    } else if path.element(after: "/zipkin/traces/") != nil || path == "/zipkin" || path == "/zipkin/" {
      // Links that were made for Zipkin's own page.
      answer = Answer(status: .found)
      let id = path.element(after: "/zipkin/traces/").flatMap { TraceID($0) }
      answer.fields.append(("Location", id.map { "/traces/\($0)" } ?? "/"))
    } else if let name = path.element(after: "/assets/"), let file = PageFiles.assets[name] {
      answer = Answer(file, knownTags: knownTags, acceptsGzip: acceptsGzip)
    } else {
      return nil
    }
    answer.fields.append(("Content-Security-Policy", Self.contentSecurityPolicy))
    answer.fields.append(("Referrer-Policy", "no-referrer"))
    answer.fields.append(("X-Frame-Options", "DENY"))
    return answer
  }

  /// Whether an address is one of the page's own views. The page itself says if there is nothing there.
  private func isView(_ path: String) -> Bool {
    if path == "/" || path == "/graph" || path == "/propagation" { return true }
    if path.element(after: "/traces/") != nil || path.element(after: "/services/") != nil { return true }
    guard path.hasPrefix("/compare/") else { return false }
    return path.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).map(\.isEmpty) == [false, false]
  }

  /// A trace as one file that browsers show without a collector.
  func document(_ text: String) async throws(CollectorError) -> Answer {
    let tree = try await treeJSON(text)
    var answer = Answer(status: .ok)
    answer.contentType = "text/html; charset=utf-8"
    answer.body = TraceDocument.html(id: tree.id, tree: tree.json, services: store.serviceNames())
    answer.fields.append(("Content-Disposition", "attachment; filename=\"trace-\(tree.id).html\""))
    answer.fields.append(("Content-Security-Policy", Self.contentSecurityPolicy))
    return answer
  }
}
