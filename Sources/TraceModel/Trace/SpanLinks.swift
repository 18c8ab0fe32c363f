/// The spans of a trace by id. Lookups stay fast even if many spans share one id.
private struct Sides<Member: TraceMember> {
  /// Many spans with one id, indexed by search criteria. Each list is sorted by start.
  private struct Crowd {
    struct Key: Hashable {
      var service: Member.Service?
      var place = HostKey()
      var isServerSide: Bool
      var isProxied = false
    }

    var lists: [Key: [Int]] = [:]

    func list(_ key: Key) -> [Int] { lists[key] ?? [] }
  }

  /// How well a span matches a search; lower is better.
  private struct Fit {
    /// The match by service and host.
    var rank: Int
    /// 0 if it ran at the moment, 1 if it began before it, 2 otherwise.
    var time: Int
    var start: Int64

    /// Among spans that began before the moment, the last one is better; among others, the first one.
    func isBetter(than other: Fit) -> Bool {
      if rank != other.rank { return rank < other.rank }
      if time != other.time { return time < other.time }
      return time < 2 && start >= other.start
    }
  }

  private let spans: [Member]
  /// A short list is searched faster than a table is built.
  private let isSmall: Bool
  private var order: [Int] = []
  private var crowds: [UInt64: Crowd] = [:]
  /// The number of examined spans.
  private(set) var looks = 0

  /// The number of spans with one id up to which a list is searched.
  private static var crowdSize: Int { 32 }
  /// The number of spans that began before a moment that are examined for one that still ran.
  private static var lookBack: Int { 16 }

  init(_ spans: [Member]) {
    self.spans = spans
    isSmall = spans.count <= 16
    guard !isSmall else { return }
    order = spans.indices.sorted { spans[$0].id != spans[$1].id ? spans[$0].id < spans[$1].id : $0 < $1 }
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, spans[order[end]].id == spans[order[start]].id { end += 1 }
      if end - start > Self.crowdSize { crowds[spans[order[start]].id] = crowd(order[start..<end]) }
      start = end
    }
  }

  private func crowd(_ members: ArraySlice<Int>) -> Crowd {
    var crowd = Crowd()
    for index in members {
      let span = spans[index]
      let isServerSide = span.isServerSide
      crowd.lists[Crowd.Key(isServerSide: isServerSide), default: []].append(index)
      var key = Crowd.Key(service: span.serviceKey, isServerSide: isServerSide)
      crowd.lists[key, default: []].append(index)
      if isServerSide, span.isProxied {
        key.isProxied = true
        crowd.lists[key, default: []].append(index)
        key.isProxied = false
      }
      for place in Self.places(span.place) {
        key.place = place
        crowd.lists[key, default: []].append(index)
      }
    }
    return crowd
  }

  /// The search keys of a host: with its port, and without it. A loopback address gives only the first, an unknown address none.
  private static func places(_ host: HostKey) -> [HostKey] {
    guard host.address != 0 else { return [] }
    var bare = host
    bare.port = 0
    return (host.port != 0 ? [host] : []) + (host.isLoopback ? [] : [bare])
  }

  /// The best match among the spans with an id. `rank` returns the match without regard to time, or `nil` for no match.
  private mutating func best(_ id: UInt64, at time: Int64, _ rank: (Int, Member) -> Int?) -> Int? {
    var best: (index: Int, fit: Fit)?
    var count = 0
    defer { looks += count }
    func look(_ index: Int) {
      count += 1
      let span = spans[index]
      guard let rank = rank(index, span) else { return }
      let fit = fit(span, at: time, rank: rank)
      if best.map({ fit.isBetter(than: $0.fit) }) ?? true { best = (index, fit) }
    }
    if isSmall {
      for index in spans.indices where spans[index].id == id { look(index) }
      return best?.index
    }
    var low = order.startIndex
    var high = order.endIndex
    while low < high {
      let middle = (low + high) / 2
      if spans[order[middle]].id < id { low = middle + 1 } else { high = middle }
    }
    while low < order.count, spans[order[low]].id == id {
      look(order[low])
      low += 1
    }
    return best?.index
  }

  private func fit(_ span: Member, at time: Int64, rank: Int) -> Fit {
    let began = time > 0 && span.timestamp > 0 && span.timestamp <= time
    return Fit(rank: rank, time: !began ? 2 : span.covers(time) ? 0 : 1, start: span.timestamp)
  }

  /// The best match of a list by time. Spans without a start are at its end.
  private mutating func best(of list: [Int], at time: Int64, butNot own: Int, onlyRunning: Bool = false) -> Int? {
    var low = 0
    var high = list.count
    while low < high {
      let middle = (low + high) / 2
      let start = spans[list[middle]].timestamp
      if start > 0, start <= time { low = middle + 1 } else { high = middle }
    }
    let began = list[max(0, low - Self.lookBack)..<low].reversed().filter { $0 != own }
    looks += began.count + 1
    if let running = began.first(where: { spans[$0].covers(time) }) { return running }
    return onlyRunning ? nil : began.first ?? list.first { $0 != own }
  }

  // MARK: Searches

  /// For a server side: the client side with the same id, or else the side that is not marked as shared.
  mutating func caller(of index: Int) -> Int? {
    let span = spans[index]
    guard span.isServerSide else { return nil }
    if let crowd = crowds[span.id] {
      return best(of: crowd.list(Crowd.Key(isServerSide: false)), at: span.timestamp, butNot: index)
    }
    let place = span.place
    return best(span.id, at: span.timestamp) { other, side in
      guard other != index else { return nil }
      if side.isServerSide { return span.isShared && !side.isShared ? 10 : nil }
      return 2 - place.likeness(to: side.remotePlace)
    }
  }

  /// For a server side that a service reported itself: the proxy's side of the same request.
  mutating func proxy(of index: Int) -> Int? {
    let span = spans[index]
    guard span.isServerSide, span.kind != .consumer, span.timestamp > 0, !span.isProxied else { return nil }
    if let crowd = crowds[span.id] {
      let key = Crowd.Key(service: span.serviceKey, isServerSide: true, isProxied: true)
      return best(of: crowd.list(key), at: span.timestamp, butNot: index, onlyRunning: true)
    }
    let place = span.place
    return best(span.id, at: span.timestamp) { other, side in
      guard other != index, side.isServerSide, side.serviceKey == span.serviceKey, side.covers(span.timestamp),
        side.isProxied
      else { return nil }
      return 2 - place.likeness(to: side.place)
    }
  }

  /// The parent span. If several spans share the parent's id, the order of preference is: the child's service (a server side before
  /// a client side, the child's host before another), then any server side, then the one that ran when the child began.
  mutating func parent(of index: Int) -> Int? {
    let span = spans[index]
    guard let id = span.parentID, id != span.id else { return nil }
    let place = span.place
    if let crowd = crowds[id] {
      let service = span.serviceKey
      var keys = Self.places(place).map { Crowd.Key(service: service, place: $0, isServerSide: true) }
      keys += [
        Crowd.Key(service: service, isServerSide: true), Crowd.Key(service: service, isServerSide: false),
        Crowd.Key(isServerSide: true), Crowd.Key(isServerSide: false),
      ]
      for key in keys {
        if let found = best(of: crowd.list(key), at: span.timestamp, butNot: index) { return found }
      }
      return nil
    }
    return best(id, at: span.timestamp) { _, side in
      if side.serviceKey != span.serviceKey { return side.isServerSide ? 4 : 5 }
      return side.isServerSide ? 2 - place.likeness(to: side.place) : 3
    }
  }
}

/// The parent of each span in a sorted list.
struct SpanLinks {
  private(set) var parents: [Int?]
  private(set) var isDetached: [Bool]
  /// The number of spans examined to find the parents.
  let looks: Int

  init(_ spans: [some TraceMember]) {
    var sides = Sides(spans)
    parents = []
    isDetached = []
    parents.reserveCapacity(spans.count)
    isDetached.reserveCapacity(spans.count)
    for (index, span) in spans.enumerated() {
      let parent = sides.proxy(of: index) ?? sides.caller(of: index) ?? sides.parent(of: index)
      parents.append(parent)
      isDetached.append(parent == nil && !span.isRoot)
    }
    looks = sides.looks
    cutCycles()
  }

  /// Makes one span of each cycle a root.
  private mutating func cutCycles() {
    // 0: not visited, 1: on the current path, 2: known to lead to a root.
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
        // The first span of the cycle in the sorted list.
        parents[first] = nil
        isDetached[first] = true
      }
      for index in path { marks[index] = 2 }
    }
  }
}
