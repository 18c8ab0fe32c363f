import HTTPTypes
import MeshTestSupport
import Testing

@testable import HTTPService

@Suite("Router") struct RouterTests {
  private static let operations: [Operation] = [
    Operation(.get, "/", "Root."), Operation(.get, "/meshes/{mesh}", "Reads."),
    Operation(.put, "/meshes/{mesh}", "Writes."), Operation(.get, "/meshes/{mesh}/dataplanes/{name}", "Reads."),
    Operation(.put, "/meshes/{mesh}/dataplanes/{name}", "Writes."),
    Operation(.get, "/meshes/{mesh}/dataplanes/_overview", "Lists."),
    Operation(.get, "/meshes/{mesh}/dataplanes/{name}/_overview", "Reads."),
    Operation(.get, "/gui", "Page."), Operation(.get, "/gui/{rest...}", "Page."),
    Operation(.get, "/assets/app.js", "A file.", isExact: true), Operation(.post, "/spans", "Takes."),
    Operation(.get, "/spans", "Lists."),
  ]

  /// What is found, as text: the operation with its parameters, or the methods of a path.
  private static func match(
    _ method: HTTPRequest.Method, _ path: Substring, headIsGet: Bool = true, _ operations: [Operation] = operations
  ) -> String {
    switch Router(operations, headIsGet: headIsGet).match(method, path) {
    case .none: return "none"
    case .otherMethods(let methods): return "allow \(methods)"
    case .found(let index, let parameters):
      let names = operations[index].pathParameters
      let values = names.compactMap { name in parameters[name].map { "\(name)=\($0)" } }
      return ([operations[index].name] + values).joined(separator: " ")
    }
  }

  @Test(
    "leads to the operation with the method and the path",
    arguments: [
      (HTTPRequest.Method.get, "/", "GET /"), (.get, "//", "GET /"),
      (.get, "/meshes/\u{301}x", "GET /meshes/{mesh} mesh=\u{301}x"),
      (.get, "/meshes/shop", "GET /meshes/{mesh} mesh=shop"),
      (.put, "/meshes/shop/", "PUT /meshes/{mesh} mesh=shop"),
      (.get, "/meshes/shop/dataplanes/a", "GET /meshes/{mesh}/dataplanes/{name} mesh=shop name=a"),
      // A literal segment comes first, unless it has not the method.
      (.get, "/meshes/shop/dataplanes/_overview", "GET /meshes/{mesh}/dataplanes/_overview mesh=shop"),
      (.put, "/meshes/shop/dataplanes/_overview", "PUT /meshes/{mesh}/dataplanes/{name} mesh=shop name=_overview"),
      (
        .get, "/meshes/shop/dataplanes/_overview/_overview",
        "GET /meshes/{mesh}/dataplanes/{name}/_overview mesh=shop name=_overview"
      ),
      (.get, "/gui/", "GET /gui"), (.get, "/gui/a/b/", "GET /gui/{rest...} rest=a/b"),
      (.head, "/spans", "GET /spans"), (.post, "/spans/", "POST /spans"),
      (.get, "/assets/app.js", "GET /assets/app.js"),
    ])
  func found(_ method: HTTPRequest.Method, _ path: String, _ expected: String) {
    #expect(Self.match(method, path[...]) == expected)
  }

  @Test(
    "knows a path's methods, over all patterns that match",
    arguments: [
      ("/spans", "allow GET, HEAD, POST"), ("/", "allow GET, HEAD"),
      ("/meshes/shop/dataplanes/a", "allow GET, HEAD, PUT"),
      ("/meshes/shop/dataplanes/_overview", "allow GET, HEAD, PUT"), ("/gui/a/b", "allow GET, HEAD"),
    ])
  func otherMethods(_ path: String, _ expected: String) {
    #expect(Self.match(.patch, path[...]) == expected)
  }

  @Test(
    "knows no other paths",
    arguments: [
      "", "*", "meshes/shop", "/meshes", "/meshes/", "/meshes//", "/meshes//dataplanes/a", "/meshes/shop/x", "/spans//",
      "/Spans", "/span", "/spansx", "/assets/app.js/", "/assets", "/meshes/shop/dataplanes", "/guix",
    ])
  func none(_ path: String) {
    #expect(Self.match(.get, path[...]) == "none")
    #expect(Self.match(.delete, path[...]) == "none")
  }

  @Test("leaves HEAD out where it is not answered") func head() {
    #expect(Self.match(.head, "/spans", headIsGet: false) == "allow GET, POST")
    #expect(Self.match(.head, "/", headIsGet: false) == "allow GET")
  }

  @Test("finds what a search through all patterns finds", arguments: 0..<20)
  func oracle(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let segments = ["a", "b", "{x}", "{y}"]
    let operations = (0..<12).map { _ in
      let path = (0..<Int.random(in: 0...3, using: &random)).map { _ in segments.randomElement(using: &random) ?? "a" }
      return Operation([.get, .put].randomElement(using: &random) ?? .get, "/" + path.joined(separator: "/"), "X.")
    }
    for _ in 0..<200 {
      let path = (0..<Int.random(in: 0...3, using: &random)).map { _ in
        ["a", "b", "c"].randomElement(using: &random) ?? "a"
      }
      let method: HTTPRequest.Method = [.get, .put, .delete].randomElement(using: &random) ?? .get
      let found = Self.match(method, "/" + path.joined(separator: "/")[...], headIsGet: false, operations)
      #expect(found == Self.search(method, path, operations), "\(method) \(path) in \(operations.map(\.name))")
    }
  }

  /// The same by looking at every pattern.
  private static func search(_ method: HTTPRequest.Method, _ path: [String], _ operations: [Operation]) -> String {
    func isParameter(_ segment: Substring) -> Bool { segment.hasPrefix("{") }
    func parts(_ operation: Operation) -> [Substring] { operation.path.split(separator: "/") }
    let matching = operations.filter { operation in
      parts(operation).count == path.count
        && zip(parts(operation), path).allSatisfy { isParameter($0) || $0 == $1 }
    }
    guard !matching.isEmpty else { return "none" }
    // Of the same kinds of segments the first declared.
    let best = matching.filter { $0.method == method }.enumerated().min { one, other in
      for (a, b) in zip(parts(one.element), parts(other.element)) where isParameter(a) != isParameter(b) {
        return !isParameter(a)
      }
      return one.offset < other.offset
    }
    guard let best = best?.element else {
      return "allow " + Set(matching.map(\.method.rawValue)).sorted().joined(separator: ", ")
    }
    let values = zip(parts(best), path).filter { isParameter($0.0) }.map(\.1)
    let shown = zip(best.pathParameters, values).map { name, _ in
      "\(name)=\(values[best.pathParameters.firstIndex(of: name) ?? 0])"
    }
    return ([best.name] + shown).joined(separator: " ")
  }
}
