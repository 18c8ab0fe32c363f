/// A name that is listed: a service, an operation of it, a service that it calls; or a tag's value that the
/// autocompletion offers.
struct Name: Sendable, Hashable {
  enum Kind: UInt8, Sendable {
    case service = 0
    case operation = 1
    case remoteService = 2
    case tagValue = 4
  }

  var kind: Kind
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

/// The names that the store lists. It also knows the text of each service and operation by its ``TextHash``.
struct NameTable: Sendable {
  private(set) var services: Set<String> = []
  /// The operations, remote services and values of a service or key.
  private var values: [Name.Kind: [String: Set<String>]] = [:]
  private var texts: [UInt64: String] = [:]
  /// Spans of which all names are known, by all that these depend on.
  private var known: Set<UInt64> = []
  private static let knownCapacity = 1 << 17

  func contains(_ name: Name) -> Bool {
    name.kind == .service
      ? services.contains(name.service) : values[name.kind]?[name.service]?.contains(name.value) == true
  }

  /// The values of a service or key, sorted.
  func sortedValues(_ kind: Name.Kind, of service: String) -> [String] { values[kind]?[service]?.sorted() ?? [] }

  func valueCount(_ kind: Name.Kind, of service: String) -> Int { values[kind]?[service]?.count ?? 0 }

  /// The text of a service or an operation; nil if it is not listed.
  func text(_ hash: UInt64) -> String? { texts[hash] }

  /// All names.
  var all: [Name] {
    services.map { Name(kind: .service, service: $0) }
      + values.flatMap { kind, values in
        values.flatMap { service, values in values.map { Name(kind: kind, service: service, value: $0) } }
      }
  }

  /// Whether the names of a span like this one were taken in.
  func isKnown(_ entry: SpanEntry) -> Bool { known.contains(Self.combination(entry)) }

  mutating func setKnown(_ entry: SpanEntry) {
    if known.count >= Self.knownCapacity { known.removeAll(keepingCapacity: true) }
    known.insert(Self.combination(entry))
  }

  static func combination(_ entry: SpanEntry) -> UInt64 {
    TextHash.fold(entry.service ^ 0x8ebc_6af0_9c88_c6e3, entry.operation)
      ^ TextHash.fold(entry.remoteService ^ 0x5896_5299_9d7b_1a0f, entry.service ^ entry.peer &* 0x9fb2_1c65_1e98_df25)
  }

  /// Adds a name if the limits allow; false if they do not, or if it is there.
  mutating func insert(_ name: Name, limits: CollectorLimits) -> Bool {
    guard name.value.utf8.count <= limits.nameBytes, !contains(name) else { return false }
    if name.kind != .service, valueCount(name.kind, of: name.service) >= limits.namesPerService { return false }
    insert(name)
    return true
  }

  mutating func insert(_ name: Name) {
    if name.kind == .service {
      services.insert(name.service)
      texts[TextHash.hash(name.service)] = name.service
    } else {
      values[name.kind, default: [:]][name.service, default: []].insert(name.value)
      if name.kind != .tagValue { texts[TextHash.hash(name.value)] = name.value }
    }
  }

  /// Forgets the names that are not among some.
  mutating func keep(_ names: Set<Name>) {
    guard names.count < all.count else { return }
    self = NameTable()
    for name in names { insert(name) }
  }

  /// Takes names back that were just added.
  mutating func remove(_ names: [Name]) {
    guard !names.isEmpty else { return }
    keep(Set(all).subtracting(names))
  }
}
