/// The spans of one trace as a tree (or several, if pieces are missing), in the order in which they are shown.
///
/// Zipkin's propagation lets both sides of a call use one span id. The server's side then hangs below the client's, and
/// what the server's service did within the call hangs below the server's side. Whatever the spans say, the result is
/// a forest that holds each of them once: cycles are cut, and a span whose parent is not there is a root.
public struct SpanTree: Sendable {
  /// A span at its place.
  public struct Node: Sendable {
    /// The span.
    public let span: Span
    /// The index of the node under which it hangs, always a smaller one; nil for a root.
    public let parent: Int?
    /// How many nodes it hangs below.
    public let depth: Int
    /// How many nodes hang below it, however deep; they follow it.
    public let descendants: Int
    /// Whether it names a parent, or the other side of its id, that is not there, so that it became a root.
    public let isDetached: Bool
  }

  /// The nodes: each before those that hang below it, siblings by their starts.
  public let nodes: [Node]

  /// Builds the tree of a trace; those that were sent twice count once.
  public init(_ spans: [Span]) {
    let spans = TraceAssembly.merged(spans)
    nodes = Self.flatten(spans, SpanLinks(spans))
  }

  private static func flatten(_ spans: [Span], _ links: SpanLinks) -> [Node] {
    // Spans are in order, so that the children of each come in order.
    var children = [[Int]](repeating: [], count: spans.count)
    var roots: [Int] = []
    for index in spans.indices {
      if let parent = links.parents[index] { children[parent].append(index) } else { roots.append(index) }
    }
    // A root that is whole comes before the pieces, whose parents may be hidden anywhere.
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
