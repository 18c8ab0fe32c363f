package import TraceModel

/// Counts the spans of one request by their senders, while they are read. Most requests have one sender.
package struct SenderTally: Sendable {
  /// What is counted of one sender.
  struct Group: Sendable {
    /// Identifies the sender.
    let key: UInt64
    let kind: SenderReport.Kind
    /// The id of the Envoy's node.
    var node: String?
    var service: String
    var instance: String
    var spans = 0
    /// The end of the newest span whose time is plausible, in microseconds since 1970.
    var newestEnd: Int64 = 0
    /// Spans by the unit that their start suggests; see ``TimeUnit/suggested(by:now:)``.
    var units: [TimeUnit: Int] = [:]
    private(set) var listeners: [ListenerCount] = []
    var newestTrace: TraceID?
    /// The raw value of ``SenderTraits``. As a number it is changed faster.
    var traitBits: UInt16 = 0
    /// Refused spans by reason.
    var refused: [(reason: String, spans: Int)] = []
    var brokenIDs = 0
    /// Its first span, and some of the others, by which ids that are used again are found.
    var firstUse: SpanUse?
    var uses: [SpanUse] = []
  }

  /// Spans of a listener.
  struct ListenerCount: Sendable {
    /// Identifies the listener; 0 for all those beyond ``listenersAtMost``.
    let key: UInt64
    let listener: SpanListener
    var spans: Int
  }

  /// An id and the start of its span, in microseconds since 1970.
  struct SpanUse: Sendable, Hashable {
    let id: UInt64
    let start: Int64
  }

  private(set) var groups: [Group] = []
  private var positions: [UInt64: Int] = [:]
  /// The group of the last span.
  private var last = (key: UInt64(0), position: -1)
  /// The present in microseconds since 1970, with which times of spans are compared.
  private let now: Int64
  /// What tags are looked for. A copy is read faster than what other modules keep.
  private let keys = Keys.known
  /// Spans of senders beyond ``groupsAtMost``.
  private(set) var others = 0

  /// How many senders of one request are told apart.
  static let groupsAtMost = 512
  /// How many listeners of one sender are told apart.
  static let listenersAtMost = 32
  /// The longest duration of a span by whose end a clock is compared, in microseconds: a day.
  static let longestDuration: Int64 = 86_400_000_000
  /// How many ids of one sender in a request are compared with others.
  static let usesAtMost = 64
  /// Names are kept up to this number of bytes.
  static let nameBytes = 256

  /// Counts nothing yet.
  ///
  /// - Parameter now: milliseconds since 1970.
  package init(now: Int64) { self.now = min(max(now, 0), 1 << 52) &* 1_000 }

  /// Whether no span was counted.
  package var isEmpty: Bool { groups.isEmpty && others == 0 }

  /// How many stored spans have times in another unit than microseconds.
  package var wrongUnitSpans: Int { groups.reduce(0) { $0 + $1.units.values.reduce(0, +) } }

  // MARK: Stored spans

  /// Counts a span that is about to be stored.
  ///
  /// - Parameter bytes: the bytes of its texts.
  package mutating func add(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer) {
    var (node, cluster, instance) = (TagDraft?.none, TagDraft?.none, TagDraft?.none)
    var traits: UInt16 = 0
    let keys = keys
    for tag in span.tags {
      let hash = tag.keyHash
      // Nearly all other keys end here.
      guard keys.mask >> (hash & 63) & 1 == 1 else { continue }
      if hash == keys.node {
        node = tag
      } else if hash == keys.cluster {
        cluster = tag
      } else if hash == keys.component {
        if tag.valueHash == keys.proxy { traits |= keys.proxyTrait }
      } else if hash == keys.instance {
        instance = tag
      } else {
        for trait in keys.traits where trait.key == hash { traits |= trait.bits }
      }
    }
    if cluster != nil || node != nil { traits |= keys.proxyTrait }
    let isProxy = traits & keys.proxyTrait != 0
    let endpoint = span.localEndpoint ?? EndpointDraft()
    func text(_ slice: TextSlice) -> String { Self.name(slice.of(bytes)) }
    let address = endpoint.ipv4.isEmpty ? endpoint.ipv6 : endpoint.ipv4
    let key: UInt64
    if let node {
      key = SpanOrigin.key(node: node.valueHash)
    } else {
      let of = instance.map { TextHash.hash($0.value.of(bytes)) } ?? TextHash.hash(address.of(bytes))
      key = SpanOrigin.key(
        service: TextHash.hash(endpoint.serviceName.of(bytes)), instance: of, isProxy: isProxy)
    }
    guard
      let index = group(
        key,
        {
          Group(
            key: key, kind: isProxy ? .proxy : .program, node: node.map { text($0.value) },
            service: text(endpoint.serviceName), instance: instance.map { text($0.value) } ?? text(address))
        })
    else { return others += 1 }
    groups[index].add(span.traceID, span.timestamp, span.duration, traits, now)
    groups[index].addUse(span.traceID.low, span.id, span.kind, span.timestamp)
    guard isProxy else { return }
    let side = SpanListener.Side(span.kind)
    groups[index].addListener((cluster?.valueHash ?? 0) &+ side.number) {
      SpanListener(side: side, cluster: cluster.map { text($0.value) } ?? "")
    }
  }

  /// Counts a span that is about to be stored.
  package mutating func add(_ span: Span) {
    let origin = SpanOrigin(span)
    guard let index = group(of: origin) else { return others += 1 }
    groups[index].add(span.traceID, span.timestamp, span.duration, origin.traits.rawValue, now)
    groups[index].addUse(span.traceID.low, span.id, span.kind, span.timestamp)
    guard origin.isProxy else { return }
    let side = SpanListener.Side(span.kind)
    groups[index].addListener((origin.cluster.map { TextHash.hash($0) } ?? 0) &+ side.number) {
      SpanListener(side: side, cluster: origin.cluster.map { Self.name($0) } ?? "")
    }
  }

  // MARK: Refused spans

  /// Counts a span that is not stored.
  ///
  /// - Parameter origin: the sender that the span names.
  package mutating func refuse(_ origin: SpanOrigin, _ reason: String, isOfID: Bool) {
    guard let index = group(of: origin) else { return others += 1 }
    groups[index].refuse(reason, isOfID: isOfID)
  }

  private mutating func group(of origin: SpanOrigin) -> Int? {
    let key = origin.key
    return group(key) {
      Group(
        key: key, kind: origin.isProxy ? .proxy : .program, node: origin.node.map { Self.name($0) },
        service: Self.name(origin.service), instance: Self.name(origin.instance))
    }
  }

  /// The position of a group; nil if there are too many.
  private mutating func group(_ key: UInt64, _ make: () -> Group) -> Int? {
    // Fast path: a request has the spans of one sender, or those of each sender together.
    if last.position >= 0, last.key == key { return last.position }
    if let known = positions[key] {
      last = (key, known)
      return known
    }
    guard groups.count < Self.groupsAtMost else { return nil }
    groups.append(make())
    // With one sender there is nothing to look up.
    if groups.count == 2 { positions[last.key] = 0 }
    if groups.count > 1 { positions[key] = groups.count - 1 }
    last = (key, groups.count - 1)
    return last.position
  }

  static func name(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes.prefix(nameBytes), as: UTF8.self)
  }

  static func name(_ text: String) -> String {
    text.utf8.count <= nameBytes ? text : String(decoding: text.utf8.prefix(nameBytes), as: UTF8.self)
  }
}

/// ``TextHash`` of the keys and values of tags that are looked at in each span.
private struct Keys: Sendable {
  let mask = SenderTags.mask
  let node = PeerService.nodeKey
  let cluster = PeerService.clusterKey
  let component = PeerService.componentKey
  let proxy = PeerService.proxyValue
  let instance = SenderTags.instanceKey
  let proxyTrait = SenderTraits.proxy.rawValue
  /// A search in so few is faster than hashing.
  let traits = SenderTags.traits.map { (key: $0.key, bits: $0.value.rawValue) }

  static let known = Keys()
}

extension SenderTally.Group {
  fileprivate mutating func add(
    _ trace: TraceID, _ timestamp: Int64, _ duration: Int64, _ spanTraits: UInt16, _ now: Int64
  ) {
    spans += 1
    newestTrace = trace
    traitBits |= spanTraits
    guard timestamp > 0 else { return }
    // Fast path: the time of a right unit, which is less than 30 times as long ago, or ahead, as 1970.
    if timestamp > now / 30, timestamp < now &* 30 {
      // The end of a span that is said to take longer tells nothing of the clock.
      if duration <= SenderTally.longestDuration, timestamp &+ max(0, duration) > newestEnd {
        newestEnd = timestamp &+ max(0, duration)
      }
    } else if let unit = TimeUnit.suggested(by: timestamp, now: now) {
      units[unit, default: 0] += 1
    }
  }

  /// Notes the first span, and one in sixteen of the others, always the same ones by their ids.
  fileprivate mutating func addUse(_ trace: UInt64, _ id: UInt64, _ kind: Span.Kind?, _ start: Int64) {
    guard start > 0 else { return }
    // The id of a root is often that of its trace, so the two are not combined by themselves.
    let hash = TextHash.fold(trace ^ 0x5896_5299_9d7b_1a0f, id ^ 0x9fb2_1c65_1e98_df25) &+ UInt64(kind?.rawValue ?? 0)
    if firstUse == nil {
      firstUse = SenderTally.SpanUse(id: hash, start: start)
    } else if hash & 15 == 0, uses.count < SenderTally.usesAtMost {
      uses.append(SenderTally.SpanUse(id: hash, start: start))
    }
  }

  fileprivate mutating func addListener(_ key: UInt64, _ make: () -> SpanListener) {
    for index in 0..<listeners.count where listeners[index].key == key {
      listeners[index].spans += 1
      return
    }
    if listeners.count < SenderTally.listenersAtMost {
      listeners.append(.init(key: key, listener: make(), spans: 1))
    } else if listeners.count == SenderTally.listenersAtMost {
      // The place of all further ones.
      listeners.append(.init(key: 0, listener: SpanListener(side: .unknown, cluster: ""), spans: 1))
    } else {
      listeners[SenderTally.listenersAtMost].spans += 1
    }
  }

  fileprivate mutating func refuse(_ reason: String, isOfID: Bool) {
    if isOfID { brokenIDs += 1 }
    if let index = refused.firstIndex(where: { $0.reason == reason }) {
      refused[index].spans += 1
    } else if refused.count < SenderRecord.reasonsAtMost {
      refused.append((reason, 1))
    } else {
      refused[refused.count - 1].spans += 1
    }
  }
}

extension TimeUnit {
  /// The unit in which a time would be a time of our days; nil if none is.
  ///
  /// - Parameters:
  ///   - time: the time of a span, as if it were microseconds since 1970.
  ///   - now: the present, in microseconds since 1970.
  static func suggested(by time: Int64, now: Int64) -> TimeUnit? {
    guard time > 0, now > 0 else { return nil }
    let ratio = Double(time) / Double(now)
    switch ratio {
    case 0.5e-6..<2e-6: return .seconds
    case 0.5e-3..<2e-3: return .milliseconds
    case 500..<2_000: return .nanoseconds
    default: return nil
    }
  }
}

extension SpanListener.Side {
  init(_ kind: Span.Kind?) {
    switch kind {
    case .server, .consumer: self = .server
    case .client, .producer: self = .client
    case nil: self = .unknown
    }
  }

  fileprivate var number: UInt64 {
    switch self {
    case .server: 1
    case .client: 2
    case .unknown: 3
    }
  }
}
