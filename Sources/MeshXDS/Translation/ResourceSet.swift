import Foundation

/// Resources of one type, sorted by name, with a version of their content.
///
/// A value with shared storage: a copy costs one reference, and so does a filter that removes nothing. The version is a
/// hash of all names and contents, so it is the same in every process that holds the same resources.
public struct ResourceSet: Sendable, Hashable {
  private final class Storage: Sendable {
    let resources: [EncodedResource]
    let version: String
    /// What the resources were made of, if proxies share some of them.
    let part: ProxyResources.Part?

    init(sorted resources: [EncodedResource], part: ProxyResources.Part? = nil) {
      self.resources = resources
      self.version = ResourceSet.version(of: resources)
      self.part = part
    }
  }

  private let storage: Storage

  /// No resources.
  public static let empty = ResourceSet(sorted: [])

  /// Makes a set. Of two resources with one name, the later one stays.
  public init(_ resources: some Sequence<EncodedResource>) {
    var byName: [String: EncodedResource] = [:]
    for resource in resources { byName[resource.name] = resource }
    self.init(sorted: byName.values.sorted { $0.name < $1.name })
  }

  /// Makes a set of resources sorted by name, each name once. An earlier set with the same content is reused, so that
  /// nothing is hashed.
  init(sorted resources: [EncodedResource], orEqual earlier: ResourceSet?) {
    if let earlier, earlier.storage.resources == resources { self = earlier } else { self.init(sorted: resources) }
  }

  /// Makes a set of shared resources and a proxy's own. An earlier set that was made of the same is reused, which is found out
  /// without a look at the shared ones.
  init(_ part: ProxyResources.Part, orEqual earlier: ResourceSet?) {
    guard let shared = part.shared else {
      self.init(sorted: part.own, orEqual: earlier)
      return
    }
    if part.own.isEmpty, part.hidden.isEmpty {
      self = shared
    } else if let known = earlier?.storage.part, known.shared?.storage === shared.storage, known.own == part.own,
      known.hidden == part.hidden, let earlier
    {
      self = earlier
    } else {
      self.init(sorted: part.all, part: part)
    }
  }

  private init(sorted resources: [EncodedResource], part: ProxyResources.Part? = nil) {
    storage = Storage(sorted: resources, part: part)
  }

  /// The resources, sorted by name.
  public var resources: [EncodedResource] { storage.resources }

  /// A hash of names and contents, 32 hexadecimal digits.
  public var version: String { storage.version }

  /// Whether the set is empty.
  public var isEmpty: Bool { storage.resources.isEmpty }

  /// The number of resources.
  public var count: Int { storage.resources.count }

  /// Whether names and contents are the same: O(1).
  public static func == (a: ResourceSet, b: ResourceSet) -> Bool {
    a.storage === b.storage || a.storage.version == b.storage.version
  }

  /// Hashes the version.
  public func hash(into hasher: inout Hasher) { hasher.combine(version) }

  /// The resource of a name: O(log n).
  public subscript(name: String) -> EncodedResource? {
    let resources = storage.resources
    var low = resources.startIndex
    var high = resources.endIndex
    while low < high {
      let middle = low + (high - low) / 2
      let candidate = resources[middle]
      if candidate.name == name { return candidate }
      if candidate.name < name { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  /// The resources with these names. Shares the storage if that is all of them.
  public func filtered(to names: Set<String>) -> ResourceSet {
    filtered { names.contains($0.name) }
  }

  /// The resources that satisfy a condition. Shares the storage if that is all of them.
  public func filtered(_ isIncluded: (EncodedResource) -> Bool) -> ResourceSet {
    let kept = storage.resources.filter(isIncluded)
    if kept.count == storage.resources.count { return self }
    return kept.isEmpty ? .empty : ResourceSet(sorted: kept)
  }

  /// These resources, and those of another set whose names are missing here.
  public func adding(missingFrom other: ResourceSet) -> ResourceSet {
    if storage === other.storage || other.isEmpty { return self }
    let extras = other.resources.filter { self[$0.name] == nil }
    return extras.isEmpty ? self : ResourceSet(sorted: (storage.resources + extras).sorted { $0.name < $1.name })
  }

  /// The names of resources that another set lacks or has with different content.
  public func names(differingFrom other: ResourceSet) -> [String] {
    if self == other { return [] }
    return storage.resources.compactMap { $0.contentHash == other[$0.name]?.contentHash ? nil : $0.name }
  }

  private static func version(of resources: [EncodedResource]) -> String {
    var content = Data()
    content.reserveCapacity(resources.count * 80)
    for resource in resources {
      content.append(contentsOf: resource.name.utf8)
      content.append(0)
      content.append(contentsOf: resource.contentHash.bytes)
    }
    return ContentHash(of: content).shortDescription
  }
}

extension ContentHash {
  /// The first half of the hash in hexadecimal digits, as used in versions on the wire.
  var shortDescription: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    for byte in bytes.prefix(16) {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension EncodedResource {
  /// The version of this resource, for the incremental variant of the protocol.
  public var version: String { contentHash.shortDescription }
}
