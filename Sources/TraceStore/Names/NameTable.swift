import TraceModel

/// A name that is listed: a service, an operation of it, a service that it calls; or a tag's value that the
/// autocompletion offers.
struct Name: Sendable, Hashable {
  var kind: NameKind
  /// The service; for a tag's value the key.
  var service: String
  /// The operation, the remote service or the value; empty for a service.
  var value = ""

  /// The names that a span has, without those of an empty value.
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

/// The names that the store lists, bounded. It also knows the text of each service and operation by its ``TextHash``.
///
/// What is beyond a bound makes room by forgetting: first the names that were used in one minute only, the longest ago
/// first, then the others in the same order. So a flood of names that nobody uses again displaces itself, and not what a
/// service does every day; and what was forgotten is listed again with its next span. Spans are found by names that are
/// not listed, too.
struct NameTable: Sendable {
  /// How a name was used.
  private struct Use {
    /// Grows with each use; no clock.
    var order: UInt64
    /// The minute of the last use, as the clock showed it.
    var period: Int64
    /// Whether it was used in several minutes.
    var isRegular = false

    func isForgottenBefore(_ other: Use) -> Bool {
      isRegular != other.isRegular ? !isRegular : order < other.order
    }
  }

  /// The names of one kind and service.
  private struct Listing {
    var uses: [String: Use] = [:]
    /// How many names it has forgotten.
    var forgottenCount = 0

    /// The names that are forgotten next.
    func first(_ count: Int) -> [String] {
      uses.sorted { $0.value.isForgottenBefore($1.value) }.prefix(count).map(\.key)
    }
  }

  private var serviceListing = Listing()
  /// The operations, remote services and values of a service or key.
  private var values: [NameKind: [String: Listing]] = [:]
  /// How many of those there are.
  private var valueCount = 0
  /// Texts, and how many names have them.
  private var texts: [UInt64: (text: String, count: Int)] = [:]
  private var lastOrder: UInt64 = 0
  /// Spans of which all names are known, by all that these depend on.
  private var known: Set<UInt64> = []
  /// The minute in which they were used: in the next one each is looked at again.
  private var knownPeriod: Int64 = 0
  private static let knownCapacity = 1 << 17
  /// Of a full list one of so many names is forgotten at a time: choosing them costs a look at all.
  private static let forgottenShare = 16

  /// The services that are listed.
  var services: some Collection<String> { serviceListing.uses.keys }

  /// How many services have been forgotten.
  var forgottenServiceCount: Int { serviceListing.forgottenCount }

  func contains(_ name: Name) -> Bool {
    (name.kind == .service ? serviceListing.uses[name.service] : values[name.kind]?[name.service]?.uses[name.value])
      != nil
  }

  /// The values of a service or key, sorted.
  func sortedValues(_ kind: NameKind, of service: String) -> [String] {
    values[kind]?[service]?.uses.keys.sorted() ?? []
  }

  /// How many values of a service or key have been forgotten.
  func forgottenCount(_ kind: NameKind, of service: String) -> Int {
    values[kind]?[service]?.forgottenCount ?? 0
  }

  /// The text of a service or an operation; nil if it is not listed.
  func text(_ hash: UInt64) -> String? { texts[hash]?.text }

  /// The minute of a moment in milliseconds since 1970.
  static func period(_ milliseconds: Int64) -> Int64 { milliseconds / 60_000 }

  /// Whether the names of a span like this one are known, and were used in this minute.
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

  // MARK: Using and forgetting

  /// Notes that the names of a span are used, its service's first; gives how many names were forgotten to make room.
  mutating func use(_ names: [Name], period: Int64, limits: CollectorLimits) -> Int {
    let forgotten = names.reduce(0) { $0 + use($1, period: period, limits: limits) }
    // Spans of which a name is not listed any more have to be looked at again.
    if forgotten > 0, !known.isEmpty { known = [] }
    return forgotten
  }

  private mutating func use(_ name: Name, period: Int64, limits: CollectorLimits) -> Int {
    guard name.value.utf8.count <= limits.nameBytes else { return 0 }
    lastOrder += 1
    var use = Use(order: lastOrder, period: period)
    var forgotten = 0
    if name.kind == .service {
      if let last = serviceListing.uses[name.service] {
        use.isRegular = last.isRegular || last.period != period
      } else {
        if serviceListing.uses.count >= max(1, limits.services) { forgotten += forgetServices() }
        retain(name.service)
      }
      serviceListing.uses[name.service] = use
      return forgotten
    }
    if let last = values[name.kind]?[name.service]?.uses[name.value] {
      use.isRegular = last.isRegular || last.period != period
    } else {
      let count = values[name.kind]?[name.service]?.uses.count ?? 0
      if count >= max(1, limits.namesPerService) { forgotten += forgetValues(name.kind, of: name.service) }
      if valueCount >= max(1, limits.names) { forgotten += forgetValues() }
      valueCount += 1
      if name.kind != .tagValue { retain(name.value) }
    }
    values[name.kind, default: [:]][name.service, default: Listing()].uses[name.value] = use
    return forgotten
  }

  private mutating func forgetServices() -> Int {
    let names = serviceListing.first(serviceListing.uses.count / Self.forgottenShare + 1)
    serviceListing.forgottenCount += names.count
    return names.reduce(0) { $0 + removeService($1) }
  }

  private mutating func forgetValues(_ kind: NameKind, of service: String) -> Int {
    guard let listing = values[kind]?[service] else { return 0 }
    let names = listing.first(listing.uses.count / Self.forgottenShare + 1)
    for name in names { removeValue(Name(kind: kind, service: service, value: name)) }
    values[kind]?[service]?.forgottenCount += names.count
    return names.count
  }

  /// Forgets values of whatever kind and service.
  private mutating func forgetValues() -> Int {
    var uses: [(name: Name, use: Use)] = []
    uses.reserveCapacity(valueCount)
    for (kind, listings) in values {
      for (service, listing) in listings {
        for (value, use) in listing.uses { uses.append((Name(kind: kind, service: service, value: value), use)) }
      }
    }
    uses.sort { $0.use.isForgottenBefore($1.use) }
    let names = uses.prefix(valueCount / Self.forgottenShare + 1).map(\.name)
    for name in names {
      removeValue(name)
      values[name.kind]?[name.service]?.forgottenCount += 1
    }
    return names.count
  }

  /// Forgets the names that are not among some.
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

  /// Removes a service with all of its names; gives how many they were.
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
