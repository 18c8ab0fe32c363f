package import HTTPTypes

/// Finds the operation for a method and a path. The paths form a trie with one level for each segment.
///
/// If several paths match, the router prefers the one with the earliest literal segment that has the method: `/dataplanes/_overview`
/// is not a proxy of that name.
package struct Router: Sendable {
  /// The result for a method and a path.
  package enum Match: Sendable {
    /// An operation, by its index in the list.
    case found(Int, PathParameters)
    /// The path does not have the method. The text is the value of `Allow`.
    case otherMethods(String)
    /// The path is not known.
    case none
  }

  /// A node of the trie. Children are indices in ``nodes``.
  private struct Node: Sendable {
    var literals: [(text: Substring, child: Int)] = []
    var parameter: Int?
    /// The node for the rest of a path.
    var rest: Int?
    /// The operations whose path ends at this node.
    var operations: [Int] = []
  }

  private let operations: [Operation]
  private let headIsGet: Bool
  private var nodes = [Node()]
  /// The operations of paths without parameters, which are the most frequent.
  private var plain: [Substring: [(method: HTTPRequest.Method, operation: Int)]] = [:]

  /// Makes a router.
  ///
  /// - Parameter headIsGet: whether operations for GET also answer HEAD.
  package init(_ operations: [Operation], headIsGet: Bool) {
    self.operations = operations
    self.headIsGet = headIsGet
    for (index, operation) in operations.enumerated() {
      var node = 0
      for segment in operation.path.split(separator: "/") { node = child(of: node, segment) }
      nodes[node].operations.append(index)
      if operation.pathParameters.isEmpty { plain[operation.path[...], default: []].append((operation.method, index)) }
    }
  }

  private mutating func child(of node: Int, _ segment: Substring) -> Int {
    let isParameter = segment.hasPrefix("{") && segment.hasSuffix("}")
    let isRest = isParameter && segment.hasSuffix("...}")
    let known =
      isRest
      ? nodes[node].rest
      : isParameter ? nodes[node].parameter : nodes[node].literals.first { $0.text == segment }?.child
    if let known { return known }
    nodes.append(Node())
    let new = nodes.count - 1
    if isRest {
      nodes[node].rest = new
    } else if isParameter {
      nodes[node].parameter = new
    } else {
      nodes[node].literals.append((segment, new))
    }
    return new
  }

  // MARK: Matching

  /// The state of a search.
  private struct Search {
    let method: HTTPRequest.Method
    /// Whether the path has a trailing slash.
    let hasSlash: Bool
    var values: [Substring] = []
    /// Operations of the path with other methods.
    var others: [Int] = []
  }

  /// Finds the operation of a request.
  ///
  /// - Parameter path: the path without the query. A parameter matches a segment that is not empty.
  package func match(_ method: HTTPRequest.Method, _ path: Substring) -> Match {
    let method = headIsGet && method == .head ? .get : method
    if let found = plain[path]?.first(where: { $0.method == method }) {
      return .found(found.operation, PathParameters(names: [], values: []))
    }
    guard path.utf8.first == UInt8(ascii: "/") else { return .none }
    // Compares bytes, because a slash with a combining accent is one character.
    var rest = path[path.utf8.index(after: path.startIndex)...]
    let hasSlash = rest.utf8.last == UInt8(ascii: "/")
    if hasSlash { rest = rest[..<rest.utf8.index(before: rest.endIndex)] }
    var search = Search(method: method, hasSlash: hasSlash)
    if let found = find(0, rest.isEmpty ? nil : rest, &search) {
      return .found(found, PathParameters(names: operations[found].pathParameters, values: search.values))
    }
    guard !search.others.isEmpty else { return .none }
    var methods = Set(search.others.map { operations[$0].method.rawValue })
    if headIsGet, methods.contains("GET") { methods.insert("HEAD") }
    return .otherMethods(methods.sorted().joined(separator: ", "))
  }

  /// Continues a search at a node.
  ///
  /// - Parameter rest: the path after the slash; nil at the end of the path.
  private func find(_ node: Int, _ rest: Substring?, _ search: inout Search) -> Int? {
    guard let rest else { return end(node, &search) }
    let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/"))
    let segment = rest[..<(slash ?? rest.endIndex)]
    let next = slash.map { rest[rest.utf8.index(after: $0)...] }
    for (text, child) in nodes[node].literals where text == segment {
      if let found = find(child, next, &search) { return found }
    }
    if let child = nodes[node].parameter, !segment.isEmpty {
      search.values.append(segment)
      if let found = find(child, next, &search) { return found }
      search.values.removeLast()
    }
    if let child = nodes[node].rest {
      search.values.append(rest)
      if let found = end(child, &search) { return found }
      search.values.removeLast()
    }
    return nil
  }

  private func end(_ node: Int, _ search: inout Search) -> Int? {
    for index in nodes[node].operations where !search.hasSlash || !operations[index].isExact {
      if operations[index].method == search.method { return index }
      search.others.append(index)
    }
    return nil
  }
}
