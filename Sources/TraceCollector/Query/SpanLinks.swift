/// What decides where a span stands in its trace.
protocol TraceMember {
  associatedtype Service: Hashable

  var id: UInt64 { get }
  var parentID: UInt64? { get }
  var kind: Span.Kind? { get }
  var isShared: Bool { get }
  var timestamp: Int64 { get }
  var traceID: TraceID { get }
  /// What tells its service from others.
  var serviceKey: Service { get }
}

extension TraceMember {
  /// Whether it began its trace: it names no parent, and if it is marked as one of two sides, its id is the trace's own.
  /// Envoy marks every receiving side so, also that of a request that came without a trace.
  var isRoot: Bool { parentID == nil && (!isShared || id == traceID.low) }

  /// Whether it is the receiving side of a call.
  var isServerSide: Bool { isShared || kind == .server || kind == .consumer }
}

extension Span: TraceMember {
  var serviceKey: String { serviceName }
}

extension SpanEntry: TraceMember {
  var serviceKey: UInt64 { service }
}

/// The spans of a trace by their ids. However many share one id, each is found without going through all of them.
private struct Sides<Member: TraceMember> {
  private struct Place: Hashable {
    let id: UInt64
    let service: Member.Service
  }

  private let spans: [Member]
  /// A few spans are looked through faster than put into tables.
  private let isSmall: Bool
  /// The sides of an id that are no server's, in the order of their starts.
  private var clients: [UInt64: [Int]] = [:]
  /// The first server's side of an id, of any service and of one.
  private var servers: [UInt64: Int] = [:]
  private var serversByService: [Place: Int] = [:]
  /// The first span with an id that a service reported.
  private var firstByService: [Place: Int] = [:]

  init(_ spans: [Member]) {
    self.spans = spans
    isSmall = spans.count <= 16
    guard !isSmall else { return }
    for (index, span) in spans.enumerated() {
      let place = Place(id: span.id, service: span.serviceKey)
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
  func caller(of span: Member) -> Int? {
    guard span.isServerSide else { return nil }
    // With several (a retry that reused its id), the last one that began before the server's side did. The clients are
    // in order, those without a start at the end.
    if isSmall {
      var first: Int?
      var last: Int?
      for (index, other) in spans.enumerated() where other.id == span.id && !other.isServerSide {
        first = first ?? index
        if other.timestamp > 0, other.timestamp <= span.timestamp { last = index }
      }
      return last ?? first
    }
    guard let clients = clients[span.id] else { return nil }
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
  func parent(of span: Member) -> Int? {
    guard let id = span.parentID, id != span.id else { return nil }
    if isSmall {
      var own: Int?
      var server: Int?
      var client: Int?
      for (index, other) in spans.enumerated() where other.id == id {
        if other.serviceKey == span.serviceKey {
          if other.isServerSide { return index }
          own = own ?? index
        }
        if other.isServerSide { server = server ?? index } else { client = client ?? index }
      }
      return own ?? server ?? client
    }
    let place = Place(id: id, service: span.serviceKey)
    return serversByService[place] ?? firstByService[place] ?? servers[id] ?? clients[id]?.first
  }
}

/// Which span hangs under which, in spans that are in order.
struct SpanLinks {
  private(set) var parents: [Int?]
  private(set) var isDetached: [Bool]

  init(_ spans: [some TraceMember]) {
    let sides = Sides(spans)
    parents = []
    isDetached = []
    parents.reserveCapacity(spans.count)
    isDetached.reserveCapacity(spans.count)
    for span in spans {
      let parent = sides.caller(of: span) ?? sides.parent(of: span)
      parents.append(parent)
      isDetached.append(parent == nil && !span.isRoot)
    }
    cutCycles()
  }

  /// Makes roots of spans that hang under themselves by some way round.
  private mutating func cutCycles() {
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
