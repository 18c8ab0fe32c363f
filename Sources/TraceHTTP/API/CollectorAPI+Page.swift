import HTTPTypes
import TraceModel

extension CollectorAPI {
  /// Nothing but our own files, no script or style in the page itself, no frame around it.
  static let contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  /// A file of the page; nil if the path is none.
  func page(_ path: String, knownTags: String? = nil, acceptsGzip: Bool = false) -> Answer? {
    if isView(path) {
      return Self.guarded(Answer(PageFiles.page, knownTags: knownTags, acceptsGzip: acceptsGzip))
    }
    if let name = path.element(after: "/assets/"), let file = PageFiles.assets[name] {
      return Self.guarded(Answer(file, knownTags: knownTags, acceptsGzip: acceptsGzip))
    }
    guard let location = Self.location(of: path) else { return nil }
    var answer = Answer(status: .found)
    answer.fields.append(("Location", location))
    return Self.guarded(answer)
  }

  /// For a browser that was sent to an address where there is nothing: the page, which says so and what there is. Programs
  /// get a sentence.
  func missingPage(_ path: String, accepting types: String?, acceptsGzip: Bool) -> Answer? {
    let isOfPrograms = ["/api/", "/assets/", "/v1/", "/zipkin/api/"].contains { path.hasPrefix($0) }
    guard !isOfPrograms, types?.lowercased().contains("text/html") == true else { return nil }
    var answer = Answer(PageFiles.page, knownTags: nil, acceptsGzip: acceptsGzip)
    answer.status = .notFound
    return Self.guarded(answer)
  }

  static func guarded(_ answer: Answer) -> Answer {
    var answer = answer
    answer.fields.append(("Content-Security-Policy", contentSecurityPolicy))
    answer.fields.append(("Referrer-Policy", "no-referrer"))
    answer.fields.append(("X-Frame-Options", "DENY"))
    return answer
  }

  /// Where that is which other addresses mean: those of Zipkin's, Jaeger's and Kuma's own pages.
  private static func location(of path: String) -> String? {
    for prefix in ["/zipkin/traces/", "/trace/"] {
      guard let text = path.element(after: prefix) else { continue }
      return TraceID(text).map { "/traces/\($0)" } ?? "/"
    }
    switch path {
    case "/zipkin", "/zipkin/", "/gui", "/gui/", "/search", "/index.html": return "/"
    case "/dependency", "/dependencies": return "/graph"
    default: return path.hasPrefix("/gui/") ? "/" : nil
    }
  }

  /// The first parts of the paths of the page's views, and how many parts may follow.
  private static let views = [
    "": 0, "traces": 1, "services": 1, "compare": 2, "file": 1, "graph": 0, "propagation": 0,
  ]

  /// Whether an address is one of the page's own views. The page itself says if there is nothing there.
  private func isView(_ path: String) -> Bool {
    var parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    if parts.count > 1, parts.last?.isEmpty == true { parts.removeLast() }
    guard path.hasPrefix("/"), let name = parts.first, let most = Self.views[String(name)] else { return false }
    return parts.count <= 1 + most && parts.dropFirst().allSatisfy { !$0.isEmpty }
  }

  /// A trace as one file that browsers show without a collector.
  func document(_ text: String) async throws(CollectorError) -> Answer {
    let tree = try await treeJSON(text)
    var answer = Answer(status: .ok)
    answer.contentType = "text/html; charset=utf-8"
    answer.body = TraceDocument.html(id: tree.id, tree: tree.json)
    answer.fields.append(("Content-Disposition", "attachment; filename=\"trace-\(tree.id).html\""))
    answer.fields.append(("Content-Security-Policy", Self.contentSecurityPolicy))
    return answer
  }
}
