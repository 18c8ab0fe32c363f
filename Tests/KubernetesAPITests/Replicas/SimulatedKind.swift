import Documents
import KubernetesAPI
import OrderedCollections

/// One kind of objects on an API server, as a value: versions that only rise, a history that is compacted, and what the
/// server says of both.
struct SimulatedKind {
  enum Change {
    case added, modified, deleted
  }

  struct Entry {
    var version: UInt64
    var change: Change
    var object: KubernetesObject

    var event: WatchEvent {
      switch change {
      case .added: .added(object)
      case .modified: .modified(object)
      case .deleted: .deleted(object)
      }
    }
  }

  private(set) var version: UInt64 = 1
  private(set) var objects: [String: KubernetesObject] = [:]
  private(set) var history: [Entry] = []
  /// The newest version whose history is forgotten.
  private(set) var compacted: UInt64 = 0
  /// Whether its CustomResourceDefinition is there.
  private(set) var isServed = true
  private(set) var deletedUIDs: Set<String> = []
  /// The form of each version of each object that ever was.
  private(set) var forms: [String: KubernetesObject] = [:]
  private var nextUID = 0
  /// Counts writes, also over restored copies.
  private var writes = 0

  /// Creates or changes an object, as whoever writes it.
  mutating func write(_ name: String) -> KubernetesObject? {
    guard isServed else { return nil }
    version += 1
    writes += 1
    let known = objects[name]
    var object = known ?? KubernetesObject(.configMap, namespace: "n", name: name)
    if known == nil {
      nextUID += 1
      object.metadata["uid"] = .string("uid-\(nextUID)")
    }
    object.metadata["resourceVersion"] = .string(String(version))
    object["data"] = .object(["written": .string("by write \(writes)")])
    objects[name] = object
    forms[Self.form(object)] = object
    history.append(Entry(version: version, change: known == nil ? .added : .modified, object: object))
    return object
  }

  /// Deletes an object.
  ///
  /// - Returns: the object as it was.
  mutating func delete(_ name: String) -> KubernetesObject? {
    guard let known = objects.removeValue(forKey: name) else { return nil }
    version += 1
    deletedUIDs.insert(known.uid)
    var last = known
    last.metadata["resourceVersion"] = .string(String(version))
    history.append(Entry(version: version, change: .deleted, object: last))
    return known
  }

  /// Something else than this kind is written.
  mutating func pass() { version += 1 }

  mutating func compact() {
    compacted = version
    history.removeAll()
  }

  /// Deletes the definition, and with it all objects.
  mutating func stopServing() {
    for name in objects.keys.sorted() { _ = delete(name) }
    isServed = false
  }

  mutating func serve() {
    version += 1
    isServed = true
  }

  /// Puts an earlier copy of the data in place of what is there. What was given out since is forgotten.
  mutating func restore(_ copy: SimulatedKind) {
    let now = self
    self = copy
    (forms, nextUID, writes, isServed) = (now.forms, now.nextUID, now.writes, true)
  }

  /// What happened after a version.
  func entries(after version: UInt64) -> [Entry] { history.filter { $0.version > version } }

  static func form(_ object: KubernetesObject) -> String { "\(object.uid)@\(object.resourceVersion)" }
}
