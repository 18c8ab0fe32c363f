/// The spans of one trace as a tree, or as several trees if spans are missing, in display order.
///
/// In Zipkin's propagation both sides of a call may share one span id. The server side is then a child of the client side, and
/// the spans of the server's service within the call are children of the server side. The result is always a forest that contains
/// each span once: cycles are cut, and a span with a missing parent is a root.
public struct SpanTree: Sendable {
  /// A span in the tree.
  public struct Node: Sendable {
    /// The span.
    public let span: Span
    /// The index of the parent node, which is always smaller; `nil` for a root.
    public let parent: Int?
    /// The number of ancestors.
    public let depth: Int
    /// The number of descendants. They follow the node.
    public let descendants: Int
    /// Whether its parent, or the other side of its shared id, is missing, which made it a root.
    public let isDetached: Bool
  }

  /// The nodes: parents before children, siblings by start.
  public let nodes: [Node]

  /// Builds the tree of a trace. Duplicate spans count once.
  public init(_ spans: [Span]) {
    let spans = TraceAssembly.merged(spans)
    nodes = Self.flatten(spans, SpanLinks(spans))
  }

  private static func flatten(_ spans: [Span], _ links: SpanLinks) -> [Node] {
    // Spans are sorted, so the children of each node are too.
    var children = [[Int]](repeating: [], count: spans.count)
    var roots: [Int] = []
    for index in spans.indices {
      if let parent = links.parents[index] { children[parent].append(index) } else { roots.append(index) }
    }
    // Complete roots come before detached ones, whose parents may be anywhere.
    roots = roots.filter { !links.isDetached[$0] } + roots.filter { links.isDetached[$0] }

    struct Visit {
      var index: Int
      var parent: Int?
      var depth: Int
    }
    var order: [Visit] = []
    order.reserveCapacity(spans.count)
    var stack = roots.reversed().map { Visit(index: $0, parent: nil, depth: 0) }
    while let visit = stack.popLast() {
      let position = order.count
      order.append(visit)
      for child in children[visit.index].reversed() {
        stack.append(Visit(index: child, parent: position, depth: visit.depth + 1))
      }
    }
    var descendants = [Int](repeating: 0, count: order.count)
    for position in order.indices.reversed() {
      if let parent = order[position].parent { descendants[parent] += descendants[position] + 1 }
    }
    return order.enumerated().map { position, visit in
      Node(
        span: spans[visit.index], parent: visit.parent, depth: visit.depth, descendants: descendants[position],
        isDetached: links.isDetached[visit.index])
    }
  }
}
