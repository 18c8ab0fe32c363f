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
    var links = SpanLinks(spans)
    links.cutCycles()
    nodes = Self.flatten(spans, links)
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

/// The spans of a trace by their ids. However many share one id, each is found without going through all of them.
private struct Sides {
  private struct Place: Hashable {
    let id: UInt64
    let service: String
  }

  /// The sides of an id that are no server's, in the order of their starts.
  private var clients: [UInt64: [Int]] = [:]
  /// The first server's side of an id, of any service and of one.
  private var servers: [UInt64: Int] = [:]
  private var serversByService: [Place: Int] = [:]
  /// The first span with an id that a service reported.
  private var firstByService: [Place: Int] = [:]

  init(_ spans: [Span]) {
    for (index, span) in spans.enumerated() {
      let place = Place(id: span.id, service: span.serviceName)
      if firstByService[place] == nil { firstByService[place] = index }
      guard span.isServerSide else {
        clients[span.id, default: []].append(index)
        continue
      }
      if servers[span.id] == nil { servers[span.id] = index }
      if serversByService[place] == nil { serversByService[place] = index }
    }
  }

  /// For a server's side: the client's side with the same id.
  func caller(of span: Span, in spans: [Span]) -> Int? {
    guard span.isServerSide, let clients = clients[span.id] else { return nil }
    // With several (a retry that reused its id), the last one that began before the server's side did. The clients are
    // in order, those without a start at the end.
    var low = 0
    var high = clients.count
    while low < high {
      let middle = (low + high) / 2
      let start = spans[clients[middle]].timestamp
      if start > 0, start <= span.timestamp { low = middle + 1 } else { high = middle }
    }
    return clients[max(low - 1, 0)]
  }

  /// The span that is named as the parent: of two sides that share the id, the one in the child's service, otherwise the
  /// server's side.
  func parent(of span: Span) -> Int? {
    guard let id = span.parentID, id != span.id else { return nil }
    let place = Place(id: id, service: span.serviceName)
    return serversByService[place] ?? firstByService[place] ?? servers[id] ?? clients[id]?.first
  }
}

/// Which span hangs under which.
private struct SpanLinks {
  private(set) var parents: [Int?]
  private(set) var isDetached: [Bool]

  init(_ spans: [Span]) {
    let sides = Sides(spans)
    parents = []
    isDetached = []
    for span in spans {
      let parent = sides.caller(of: span, in: spans) ?? sides.parent(of: span)
      parents.append(parent)
      isDetached.append(parent == nil && !span.isRoot)
    }
  }

  /// Makes roots of spans that hang under themselves by some way round.
  mutating func cutCycles() {
    // 0: not seen, 1: on the way up from the present span, 2: known to end at a root.
    var marks = [UInt8](repeating: 0, count: parents.count)
    for start in parents.indices where marks[start] == 0 {
      var path: [Int] = []
      var next: Int? = start
      while let index = next, marks[index] == 0 {
        marks[index] = 1
        path.append(index)
        next = parents[index]
      }
      if let index = next, marks[index] == 1, let first = path[(path.firstIndex(of: index) ?? 0)...].min() {
        // The first of the cycle in the order of spans.
        parents[first] = nil
        isDetached[first] = true
      }
      for index in path { marks[index] = 2 }
    }
  }
}
