import Documents
import OrderedCollections

/// The objects of one kind as they were last, as a value. It holds the one rule about what is newer: the larger
/// `resourceVersion` wins, whether it comes from a list, from a watch or from the answer to a write of this process.
///
/// Versions are compared as numbers, as every API server counts them. Where they are no numbers, a watch is taken as it
/// comes, and the answers to writes are left to the watch.
struct ReplicaTable: Sendable {
  /// What identifies an object among those of its kind.
  struct Key: Hashable, Sendable {
    var namespace: String?
    var name: String

    init(namespace: String?, name: String) {
      self.namespace = namespace
      self.name = name
    }

    init(_ object: KubernetesObject) { self.init(namespace: object.namespace, name: object.name) }
  }

  /// What this process wrote while a list was under way. The list may be of before that.
  private struct WritesDuringList {
    var stored: Set<Key> = []
    var deleted: Set<String> = []
  }

  private(set) var objects: [Key: KubernetesObject] = [:]
  /// Every change up to this version is included; empty before the first list.
  private(set) var version = ""
  /// The newest version that was ever seen since the last list, also in the answer to a write of this process.
  private(set) var newestVersion = ""
  /// Whether a list has arrived.
  private(set) var isSynchronized = false
  /// The uids of objects that this process deleted, and whose deletion the watch has not told yet.
  private var deletedHere: Set<String> = []
  /// The uids of objects that this process deleted before it had seen them, or after it had seen them go: the answers to two
  /// writes may come in any order. The last ones.
  private var deletedUnseen: OrderedSet<String> = []
  private var list: WritesDuringList?

  /// How many objects are remembered that were deleted unseen.
  static let unseenLimit = 1000

  // MARK: Lists

  /// A list is about to be requested.
  mutating func beginList() { list = WritesDuringList() }

  /// A whole list has arrived.
  ///
  /// - Returns: what differs; everything the first time.
  mutating func endList(_ listed: [KubernetesObject], version: String) -> [KindReplica.Update] {
    let writes = list ?? WritesDuringList()
    list = nil
    var next: [Key: KubernetesObject] = [:]
    next.reserveCapacity(listed.count)
    var unfinished: Set<String> = []
    for object in listed {
      if writes.deleted.contains(object.uid) {
        unfinished.insert(object.uid)
      } else {
        next[Key(object)] = object
        // A copy of the data may have brought it back.
        if !deletedUnseen.isEmpty { deletedUnseen.remove(object.uid) }
      }
    }
    for key in writes.stored {
      guard let own = objects[key], Self.isNewer(own.resourceVersion, than: version) else { continue }
      next[key] = own
    }
    let before = objects
    objects = next
    self.version = version
    newestVersion = version
    for key in writes.stored { see(next[key]?.resourceVersion ?? "") }
    deletedHere = unfinished
    guard isSynchronized else {
      isSynchronized = true
      return [.replaced(Array(next.values))]
    }
    return updates(of: Set(before.keys).union(next.keys), since: before)
  }

  // MARK: Watches

  /// Events have arrived, in their order.
  ///
  /// - Returns: what differs afterwards. An object that was deleted and made again meanwhile comes as changed.
  mutating func receive(_ events: [WatchEvent]) -> [KindReplica.Update] {
    var touched: OrderedSet<Key> = []
    // Only what an event replaces or removes is kept aside: a copy of the whole table would be made for each event.
    var before: [Key: KubernetesObject] = [:]
    func remember(_ key: Key, _ objects: [Key: KubernetesObject]) {
      if touched.append(key).inserted { before[key] = objects[key] }
    }
    for event in events {
      switch event {
      case .added(let object), .modified(let object):
        advance(to: object.resourceVersion)
        guard !isDeletedHere(object) else { continue }
        let key = Key(object)
        if let known = objects[key], Self.isAtLeast(known.resourceVersion, object.resourceVersion) { continue }
        remember(key, objects)
        objects[key] = object
      case .deleted(let object):
        advance(to: object.resourceVersion)
        deletedHere.remove(object.uid)
        deletedUnseen.remove(object.uid)
        let key = Key(object)
        guard let known = objects[key] else { continue }
        if known.uid != object.uid, Self.isNewer(known.resourceVersion, than: object.resourceVersion) { continue }
        remember(key, objects)
        objects[key] = nil
      case .bookmark(let version): advance(to: version)
      }
    }
    return updates(of: touched, since: before)
  }

  private mutating func advance(to newer: String) {
    guard !newer.isEmpty, !Self.isNewer(version, than: newer) else { return }
    version = newer
    see(newer)
  }

  private mutating func see(_ version: String) {
    if newestVersion.isEmpty || Self.isNewer(version, than: newestVersion) { newestVersion = version }
  }

  // MARK: Writes of this process

  /// The API server has answered a write of this process with the object as stored.
  mutating func note(stored object: KubernetesObject) -> [KindReplica.Update] {
    let newer = object.resourceVersion
    // What is not newer than the version has been seen already, also when the object has been deleted since.
    guard Self.isNewer(newer, than: isSynchronized ? version : "0"), !isDeletedHere(object) else {
      return []
    }
    let key = Key(object)
    if let known = objects[key], !Self.isNewer(newer, than: known.resourceVersion) { return [] }
    objects[key] = object
    see(newer)
    list?.stored.insert(key)
    return [.changed([object])]
  }

  /// The API server has answered that an object is deleted.
  mutating func note(deleted object: KubernetesObject) -> [KindReplica.Update] {
    guard !object.uid.isEmpty else { return [] }
    list?.deleted.insert(object.uid)
    let key = Key(object)
    guard let known = objects[key], known.uid == object.uid else {
      if deletedUnseen.count >= Self.unseenLimit { deletedUnseen.removeFirst() }
      deletedUnseen.append(object.uid)
      return []
    }
    objects[key] = nil
    deletedHere.insert(object.uid)
    return [.deleted([known])]
  }

  private func isDeletedHere(_ object: KubernetesObject) -> Bool {
    deletedHere.contains(object.uid) || deletedUnseen.contains(object.uid)
  }

  // MARK: Comparing

  private func updates(
    of keys: some Sequence<Key>, since before: [Key: KubernetesObject]
  ) -> [KindReplica.Update] {
    var deleted: [KubernetesObject] = []
    var changed: [KubernetesObject] = []
    for key in keys {
      switch (before[key], objects[key]) {
      case (let old?, nil): deleted.append(old)
      case (let old, let new?):
        // One version may still have two contents: a server restored from a copy counts again, and a changed definition
        // leaves other fields in.
        if let old, old == new { continue }
        changed.append(new)
      case (nil, nil): continue
      }
    }
    return (deleted.isEmpty ? [] : [.deleted(deleted)]) + (changed.isEmpty ? [] : [.changed(changed)])
  }

  /// Whether a version is known to be newer than another one.
  static func isNewer(_ version: String, than other: String) -> Bool {
    guard let a = UInt64(version), let b = UInt64(other) else { return false }
    return a > b
  }

  private static func isAtLeast(_ version: String, _ other: String) -> Bool {
    guard let a = UInt64(version), let b = UInt64(other) else { return version == other }
    return a >= b
  }
}
