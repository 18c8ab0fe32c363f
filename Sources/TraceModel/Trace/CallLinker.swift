/// A call between services, or a request to one service, found in a trace.
package struct Call {
  /// The kind of a call.
  package enum Kind: UInt8 {
    /// A span of a service.
    case span = 0
    /// A request to a service, or the root of a trace.
    case request = 1
    /// A call from one service to another.
    case edge = 2
  }

  package var kind: Kind
  /// ``TextHash`` of the service; of an edge, the caller.
  package var service: UInt64
  /// ``TextHash`` of the operation; of an edge, the called service.
  package var other: UInt64
  /// The start in milliseconds since 1970.
  package var time: Int64
  /// The duration in microseconds; 0 if unknown.
  package var duration: Int64
  package var isError: Bool
}

/// Finds the calls in a trace. Each call counts once, however many sides reported it, as in Zipkin's dependencies.
///
/// Zipkin's rules: the called side is preferred to the caller's. Producers and consumers count as they say. A caller that reports
/// another service than its parent span was called by that service. A span with a missing parent is placed under the root. In
/// addition, a proxy and the application behind it may both report one call: a server span directly under a server span of the
/// same service is the same request, and a client span directly under a client span of the same service is the same call.
package enum CallLinker {
  /// Emits each call in spans whose trace ids have the same low half.
  package static func calls(in entries: [SpanEntry], _ emit: (Call) -> Void) {
    // Fast path: a trace of which only one span is there.
    if entries.count == 1, !entries[0].hasDoubtfulIDs { return call(entries[0], emit) }
    linkedCalls(in: entries, emit)
  }

  private static func call(_ span: SpanEntry, _ emit: (Call) -> Void) {
    span.count(.span, operation: span.operation, emit)
    let isCall = span.service != TextHash.empty && span.peer != TextHash.empty
    if span.isServerSide || (span.isRoot && span.kind == nil && !isCall) {
      span.count(.request, operation: span.operation, emit)
    }
    switch span.kind {
    // A span without a kind is a call if it names both sides.
    case .client, .producer, nil: span.edge(span.service, span.peer, emit)
    case .server, .consumer: span.edge(span.peer, span.service, emit)
    }
  }

  /// Emits each call in spans, which are linked.
  static func linkedCalls(in entries: [SpanEntry], _ emit: (Call) -> Void) {
    for trace in TraceAssembly.traces(entries) {
      var linker = TraceLinker(trace)
      linker.link(emit)
    }
  }
}

/// Finds the calls in one trace. The time is bounded by the number of spans.
private struct TraceLinker {
  private struct Pair: Hashable {
    let first: UInt64
    let service: UInt64
  }

  private let spans: [SpanEntry]
  private let parents: [Int?]
  private let isDetached: [Bool]
  /// The topmost ancestor of each span, or the span itself.
  private var tops: [Int]
  /// All spans, parents before children.
  private var order: [Int] = []
  /// The nearest ancestor with a kind, and among those the nearest with a service.
  private var nearest: [Int?]
  private var callers: [Int?]
  /// The service at the other end: from the span itself, or else from the client side above that it belongs to.
  private var peers: [UInt64]
  /// Whether a client side is counted by a span below it.
  private var isAnswered: [Bool]
  /// Whether a server side has the same request as an ancestor, and the descendant with the same request.
  private var isInner: [Bool]
  private var inner: [Int?]
  private var innerCount: [Int]
  /// The services that answered a client side.
  private var answers: Set<Pair> = []
  /// The root, the parent of spans whose parents are missing.
  private let root: Int?
  /// The services that unanswered client sides name as called.
  private var named: Set<UInt64> = []
  /// The services with a server side. Their calls with missing parents were made for those requests, not for others.
  private var served: Set<UInt64> = []
  /// The counted calls whose called side is missing.
  private var missing: Set<Pair> = []

  init(_ spans: [SpanEntry]) {
    self.spans = spans
    let links = SpanLinks(spans)
    parents = links.parents
    isDetached = links.isDetached
    tops = Array(spans.indices)
    root = spans.indices.first { links.parents[$0] == nil && spans[$0].isRoot }
    nearest = [Int?](repeating: nil, count: spans.count)
    callers = nearest
    inner = nearest
    peers = spans.map(\.peer)
    isAnswered = [Bool](repeating: false, count: spans.count)
    isInner = isAnswered
    innerCount = [Int](repeating: 0, count: spans.count)
    order = Self.fromTheTop(links.parents)
    for index in order { place(index) }
    for index in spans.indices where spans[index].kind == .client && !isAnswered[index] { named.insert(peers[index]) }
    for span in spans where isServer(span) { served.insert(span.service) }
  }

  private static func fromTheTop(_ parents: [Int?]) -> [Int] {
    var firstChild = [Int](repeating: -1, count: parents.count)
    var nextSibling = firstChild
    var order: [Int] = []
    order.reserveCapacity(parents.count)
    for index in parents.indices.reversed() {
      guard let parent = parents[index] else { continue }
      nextSibling[index] = firstChild[parent]
      firstChild[parent] = index
    }
    for index in parents.indices where parents[index] == nil { order.append(index) }
    var next = 0
    while next < order.count {
      var child = firstChild[order[next]]
      while child >= 0 {
        order.append(child)
        child = nextSibling[child]
      }
      next += 1
    }
    return order
  }

  /// Determines a span's relation to its ancestors.
  private mutating func place(_ index: Int) {
    guard let parent = parents[index] else { return }
    let span = spans[index]
    tops[index] = tops[parent]
    nearest[index] = spans[parent].kind != nil ? parent : nearest[parent]
    callers[index] =
      spans[parent].kind != nil && spans[parent].service != TextHash.empty ? parent : callers[parent]
    guard let above = nearest[index] else { return }
    let upper = spans[above]
    if isServer(span) {
      if isServer(upper), upper.service == span.service {
        isInner[index] = true
        inner[above] = index
        innerCount[above] += 1
      }
      if upper.kind == .client {
        isAnswered[above] = true
        answers.insert(Pair(first: UInt64(above), service: span.service))
      }
    } else if upper.kind == .client, isCall(span) {
      let isOwn = span.service == upper.service || span.service == TextHash.empty
      // A span that is not a direct child may be another call.
      let isSame =
        (span.kind == .client && above == parent) || peers[index] == TextHash.empty || peers[index] == peers[above]
      if isOwn, isSame, peers[index] == TextHash.empty { peers[index] = peers[above] }
      if !isOwn || isSame { isAnswered[above] = true }
    }
  }

  /// Whether the span served a request. A span without a kind did not if it shares its caller's id and names no called service.
  private func isServer(_ span: SpanEntry) -> Bool {
    span.kind == .server || (span.kind == nil && span.isShared && span.peer == TextHash.empty)
  }

  /// Whether the span is a call. A span without a kind is a call if it names both sides.
  private func isCall(_ span: SpanEntry) -> Bool {
    span.kind == .client
      || (span.kind == nil && span.service != TextHash.empty && span.peer != TextHash.empty)
  }

  // MARK: Counting

  mutating func link(_ emit: (Call) -> Void) {
    for (index, span) in spans.enumerated() {
      span.count(.span, operation: span.operation, emit)
      if span.isServerSide ? !isInner[index] : span.isRoot && span.kind == nil && !isCall(span) {
        span.count(.request, operation: operation(of: index), emit)
      }
      switch span.kind {
      case .client: call(index, emit)
      case .server: served(index, emit)
      case .producer: span.edge(span.service, peers[index], emit)
      case .consumer: span.edge(peers[index], span.service, emit)
      case nil: if isCall(span) { call(index, emit) } else if isServer(span) { served(index, emit) }
      }
    }
  }

  /// The operation of a request, from the innermost span that reported it, since the application knows it best.
  private func operation(of index: Int) -> UInt64 {
    var operation = spans[index].operation
    var next = index
    while innerCount[next] == 1, let below = inner[next] {
      next = below
      if spans[next].operation != TextHash.empty { operation = spans[next].operation }
    }
    return operation
  }

  /// The nearest calling ancestor, or the root if a parent is missing.
  private func caller(of index: Int) -> (index: Int, isGuess: Bool)? {
    if let caller = callers[index] { return (caller, false) }
    guard let root, tops[index] != root, isDetached[tops[index]], spans[root].kind != nil else { return nil }
    return (root, true)
  }

  private mutating func call(_ index: Int, _ emit: (Call) -> Void) {
    let span = spans[index]
    let caller = caller(of: index)
    if let caller, span.service != TextHash.empty, spans[caller.index].service != span.service {
      missingServer(of: index, caller, emit)
    }
    guard !isAnswered[index] else { return }
    let service = span.service != TextHash.empty ? span.service : caller.map { spans[$0.index].service }
    span.edge(service ?? TextHash.empty, peers[index], emit)
  }

  /// A service made a call below another that called it. Its own server span is missing and is counted here.
  private mutating func missingServer(of index: Int, _ caller: (index: Int, isGuess: Bool), _ emit: (Call) -> Void) {
    let (span, above) = (spans[index], spans[caller.index])
    if caller.isGuess {
      // All spans under one missing parent belong to one request.
      let parent = spans[tops[index]].parentID ?? spans[tops[index]].id
      guard !named.contains(span.service), !served.contains(span.service),
        missing.insert(Pair(first: parent, service: span.service)).inserted
      else { return }
      span.edge(above.service, span.service, isError: false, emit)
    } else if above.kind == .client {
      // The call is known, and also whether it failed.
      let pair = Pair(first: UInt64(caller.index), service: span.service)
      guard !answers.contains(pair), missing.insert(pair).inserted else { return }
      above.edge(above.service, span.service, emit)
    } else {
      span.edge(above.service, span.service, isError: false, emit)
    }
  }

  private func served(_ index: Int, _ emit: (Call) -> Void) {
    guard !isInner[index] else { return }
    var span = spans[index]
    let caller = caller(of: index)
    var service = caller.map { spans[$0.index].service }
    if let caller, caller.isGuess {
      // The span itself knows its caller better. A counted call is not counted again.
      let isCounted = named.contains(span.service) || spans[caller.index].service == span.service
      service = peers[index] != TextHash.empty ? peers[index] : isCounted ? nil : service
    }
    // The caller's duration is used: it includes the network.
    if let parent = parents[index], spans[parent].kind == .client {
      if spans[parent].duration > 0 { span.duration = spans[parent].duration }
      span.isError = span.isError || spans[parent].isError
    }
    span.edge(service ?? peers[index], span.service, emit)
  }
}

extension SpanEntry {
  /// Emits the span as one of its service.
  fileprivate func count(_ kind: Call.Kind, operation: UInt64, _ emit: (Call) -> Void) {
    emit(
      Call(kind: kind, service: service, other: operation, time: time, duration: duration, isError: isError))
  }

  /// Emits the span as a call between two services, if both have names.
  fileprivate func edge(_ parent: UInt64, _ child: UInt64, isError: Bool? = nil, _ emit: (Call) -> Void) {
    guard parent != TextHash.empty, child != TextHash.empty else { return }
    emit(
      Call(
        kind: .edge, service: parent, other: child, time: time, duration: duration,
        isError: isError ?? self.isError))
  }
}
