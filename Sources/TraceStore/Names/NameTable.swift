import TraceModel

/// A listed name: a service, an operation or a remote service of a service, or a tag's value for autocompletion.
struct Name: Sendable, Hashable {
  var kind: NameKind
  /// The service; for a tag's value, the key.
  var service: String
  /// The operation, the remote service or the value; empty for a service.
  var value = ""

  /// The names in a span, without empty values.
  static func names(of span: Span, autocompleteKeys: [String]) -> [Name] {
    let service = span.serviceName
    var names = [Name(kind: .service, service: service)]
    if !span.name.isEmpty { names.append(Name(kind: .operation, service: service, value: span.name)) }
    if !span.remoteServiceName.isEmpty {
      names.append(Name(kind: .remoteService, service: service, value: span.remoteServiceName))
    }
    let peer = span.peerService
    if !peer.isEmpty, peer != span.remoteServiceName {
      names.append(Name(kind: .remoteService, service: service, value: peer))
    }
    if !autocompleteKeys.isEmpty {
      for tag in span.tags
      where autocompleteKeys.contains(tag.key) && !tag.value.isEmpty && tag.value.utf8.count <= 256 {
        names.append(Name(kind: .tagValue, service: tag.key, value: tag.value))
      }
    }
    return names
  }
}

/// The bounded set of names that the store lists. It also has the text of each service and operation by its ``TextHash``.
///
/// When a bound is reached, the table evicts names: first those that were used in one minute only, then the others, the least
/// recently used first. A flood of names that are used once therefore evicts itself, not the names that a service uses every day.
/// An evicted name is listed again with its next span. Searches also find spans by names that are not listed.
struct NameTable: Sendable {
  private struct Use {
    /// Grows with each use.
    var order: UInt64
    /// The minute of the last use.
    var period: Int64
    /// Whether it was used in several minutes.
    var isRegular = false

    func isEvictedBefore(_ other: Use) -> Bool {
      isRegular != other.isRegular ? !isRegular : order < other.order
    }
  }

  /// The names of one kind and service.
  private struct Listing {
    var uses: [String: Use] = [:]
    /// How many names were evicted.
    var evictedCount = 0

    /// The names to evict next.
    func first(_ count: Int) -> [String] {
      uses.sorted { $0.value.isEvictedBefore($1.value) }.prefix(count).map(\.key)
    }
  }

  private var serviceListing = Listing()
  /// The operations, remote services and values of a service or key.
  private var values: [NameKind: [String: Listing]] = [:]
  /// How many ``values`` there are.
  private var valueCount = 0
  /// Texts, with the number of names that use each.
  private var texts: [UInt64: (text: String, count: Int)] = [:]
  private var lastOrder: UInt64 = 0
  /// The ``combination(_:)``s whose names are all listed.
  private var known: Set<UInt64> = []
  /// The minute in which ``known`` is valid. In the next minute each combination is checked again.
  private var knownPeriod: Int64 = 0
  private static let knownCapacity = 1 << 17
  /// A full list evicts this fraction of its names at a time (1/16), because choosing them sorts the whole list.
  private static let evictedShare = 16

  var services: some Collection<String> { serviceListing.uses.keys }

  var evictedServiceCount: Int { serviceListing.evictedCount }

  func contains(_ name: Name) -> Bool {
    (name.kind == .service ? serviceListing.uses[name.service] : values[name.kind]?[name.service]?.uses[name.value])
      != nil
  }

  /// The values of a service or key, sorted.
  func sortedValues(_ kind: NameKind, of service: String) -> [String] {
    values[kind]?[service]?.uses.keys.sorted() ?? []
  }

  /// How many values of a service or key were evicted.
  func evictedCount(_ kind: NameKind, of service: String) -> Int {
    values[kind]?[service]?.evictedCount ?? 0
  }

  /// The name of a service or an operation; nil if it is not listed.
  func text(_ hash: UInt64) -> String? { texts[hash]?.text }

  /// The minute of a moment in milliseconds since 1970.
  static func period(_ milliseconds: Int64) -> Int64 { milliseconds / 60_000 }

  /// Whether all names of a span are listed and were used in this minute.
  func isKnown(_ entry: SpanEntry, period: Int64) -> Bool {
    period == knownPeriod && known.contains(Self.combination(entry))
  }

  mutating func setKnown(_ entry: SpanEntry, period: Int64) {
    if known.count >= Self.knownCapacity || period != knownPeriod { known.removeAll(keepingCapacity: true) }
    knownPeriod = period
    known.insert(Self.combination(entry))
  }

  static func combination(_ entry: SpanEntry) -> UInt64 {
    TextHash.fold(entry.service ^ 0x8ebc_6af0_9c88_c6e3, entry.operation)
      ^ TextHash.fold(entry.remoteService ^ 0x5896_5299_9d7b_1a0f, entry.service ^ entry.peer &* 0x9fb2_1c65_1e98_df25)
  }

  // MARK: Use and eviction

  /// Marks the names of a span as used, the service first. Returns how many other names were evicted.
  mutating func use(_ names: [Name], period: Int64, limits: CollectorLimits) -> Int {
    let evicted = names.reduce(0) { $0 + use($1, period: period, limits: limits) }
    // Spans with an evicted name must be checked again.
    if evicted > 0, !known.isEmpty { known = [] }
    return evicted
  }

  private mutating func use(_ name: Name, period: Int64, limits: CollectorLimits) -> Int {
    guard name.value.utf8.count <= limits.nameBytes else { return 0 }
    lastOrder += 1
    var use = Use(order: lastOrder, period: period)
    var evicted = 0
    if name.kind == .service {
      if let last = serviceListing.uses[name.service] {
        use.isRegular = last.isRegular || last.period != period
      } else {
        if serviceListing.uses.count >= max(1, limits.services) { evicted += evictServices() }
        retain(name.service)
      }
      serviceListing.uses[name.service] = use
      return evicted
    }
    if let last = values[name.kind]?[name.service]?.uses[name.value] {
      use.isRegular = last.isRegular || last.period != period
    } else {
      let count = values[name.kind]?[name.service]?.uses.count ?? 0
      if count >= max(1, limits.namesPerService) { evicted += evictValues(name.kind, of: name.service) }
      if valueCount >= max(1, limits.names) { evicted += evictValues() }
      valueCount += 1
      if name.kind != .tagValue { retain(name.value) }
    }
    values[name.kind, default: [:]][name.service, default: Listing()].uses[name.value] = use
    return evicted
  }

  private mutating func evictServices() -> Int {
    let names = serviceListing.first(serviceListing.uses.count / Self.evictedShare + 1)
    serviceListing.evictedCount += names.count
    return names.reduce(0) { $0 + removeService($1) }
  }

  private mutating func evictValues(_ kind: NameKind, of service: String) -> Int {
    guard let listing = values[kind]?[service] else { return 0 }
    let names = listing.first(listing.uses.count / Self.evictedShare + 1)
    for name in names { removeValue(Name(kind: kind, service: service, value: name)) }
    values[kind]?[service]?.evictedCount += names.count
    return names.count
  }

  /// Evicts values of all kinds and services.
  private mutating func evictValues() -> Int {
    var uses: [(name: Name, use: Use)] = []
    uses.reserveCapacity(valueCount)
    for (kind, listings) in values {
      for (service, listing) in listings {
        for (value, use) in listing.uses { uses.append((Name(kind: kind, service: service, value: value), use)) }
      }
    }
    uses.sort { $0.use.isEvictedBefore($1.use) }
    let names = uses.prefix(valueCount / Self.evictedShare + 1).map(\.name)
    for name in names {
      removeValue(name)
      values[name.kind]?[name.service]?.evictedCount += 1
    }
    return names.count
  }

  /// Removes all names that are not in a set.
  mutating func keep(_ names: Set<Name>) {
    for service in serviceListing.uses.keys where !names.contains(Name(kind: .service, service: service)) {
      _ = removeService(service)
      known = []
    }
    for (kind, listings) in values {
      for (service, listing) in listings {
        for value in listing.uses.keys {
          let name = Name(kind: kind, service: service, value: value)
          guard !names.contains(name) else { continue }
          removeValue(name)
          known = []
        }
      }
    }
  }

  /// Removes a service with all of its names. Returns how many names were removed.
  private mutating func removeService(_ service: String) -> Int {
    var count = 1
    for kind in [NameKind.operation, .remoteService] {
      guard let listing = values[kind]?[service] else { continue }
      for value in listing.uses.keys { removeValue(Name(kind: kind, service: service, value: value)) }
      count += listing.uses.count
      values[kind]?[service] = nil
    }
    if serviceListing.uses.removeValue(forKey: service) != nil { release(service) }
    return count
  }

  private mutating func removeValue(_ name: Name) {
    guard values[name.kind]?[name.service]?.uses.removeValue(forKey: name.value) != nil else { return }
    valueCount -= 1
    if name.kind != .tagValue { release(name.value) }
  }

  private mutating func retain(_ text: String) { texts[TextHash.hash(text), default: (text, 0)].count += 1 }

  private mutating func release(_ text: String) {
    let hash = TextHash.hash(text)
    texts[hash]?.count -= 1
    if let count = texts[hash]?.count, count <= 0 { texts[hash] = nil }
  }
}
