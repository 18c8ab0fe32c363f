import Documents
package import KubernetesAPI
package import MeshModel
import MeshStore

/// What the objects of a cluster say as resources, as a value: objects in, changes of resources out.
///
/// An object that cannot be read counts as absent, and so does one that is being deleted.
struct ResourceReadings: Sendable {
  /// Identifies an object.
  struct ObjectID: Sendable, Hashable {
    var type: ResourceType
    var namespace: String
    var name: String

    init(_ type: ResourceType, _ object: KubernetesObject) {
      self.type = type
      namespace = object.namespace ?? ""
      name = object.name
    }

    init(_ type: ResourceType, _ names: (name: String, namespace: String)) {
      self.type = type
      (name, namespace) = names
    }
  }

  /// The resource of each object that can be read. The same object may belong to another mesh later.
  private var keys: [ObjectID: ResourceKey] = [:]
  /// The objects that cannot be read.
  private(set) var unreadable: [ObjectID: UnreadableObject] = [:]
  /// The resources whose deletions are held back until all that goes along with them is deleted.
  private var leaving: [ResourceKey: Int] = [:]
  /// Those of them that are gone.
  private var gone: Set<ResourceKey> = []

  /// Objects are new or different.
  ///
  /// - Returns: what changes, and which objects cannot be read since now.
  mutating func read(
    _ objects: [KubernetesObject], _ type: ResourceType
  ) -> (changes: [ChangeFeedStateMachine.Change], unreadable: [UnreadableObject]) {
    var changes: [ChangeFeedStateMachine.Change] = []
    var news: [UnreadableObject] = []
    for object in objects {
      let id = ObjectID(type, object)
      var resource: Resource?
      do throws(DocumentError) {
        resource = try Self.resource(object, type)
        unreadable[id] = nil
      } catch {
        let entry = UnreadableObject(type: type, object: object, message: error.message)
        if unreadable[id]?.message != entry.message { news.append(entry) }
        unreadable[id] = entry
      }
      if let old = keys[id], old != resource?.key { changes += deletion(of: old) }
      keys[id] = resource?.key
      guard let resource else { continue }
      gone.remove(resource.key)
      changes.append(.written(resource))
    }
    return (changes, news)
  }

  /// The resource that an object is; `nil` when it is none.
  func key(of object: ObjectID) -> ResourceKey? { keys[object] }

  /// Objects are gone.
  mutating func remove(_ objects: [KubernetesObject], _ type: ResourceType) -> [ChangeFeedStateMachine.Change] {
    objects.flatMap { object in
      let id = ObjectID(type, object)
      unreadable[id] = nil
      return keys.removeValue(forKey: id).map { deletion(of: $0) } ?? []
    }
  }

  /// The resource that an object is; `nil` while it is being deleted.
  ///
  /// - Throws: ``DocumentError`` when it cannot be read.
  static func resource(_ object: KubernetesObject, _ type: ResourceType) throws(DocumentError) -> Resource? {
    guard !object.isBeingDeleted else { return nil }
    let resource = try ResourceDocument(stored: object.document).resource
    guard resource.type == type else {
      throw DocumentError(code: .wrongKind, message: "kind has to be \"\(type.rawValue)\"")
    }
    return resource
  }

  // MARK: Deletions that belong together

  /// Holds the deletions of resources back, so that one element of the changes tells of all.
  mutating func hold(_ keys: [ResourceKey]) {
    for key in keys { leaving[key, default: 0] += 1 }
  }

  /// Gives the deletions that were held back.
  mutating func release(_ keys: [ResourceKey]) -> [ChangeFeedStateMachine.Change] {
    for key in keys {
      guard let count = leaving[key] else { continue }
      leaving[key] = count > 1 ? count - 1 : nil
    }
    let released = gone.filter { leaving[$0] == nil }.sorted()
    gone.subtract(released)
    return released.map { .deleted($0) }
  }

  private mutating func deletion(of key: ResourceKey) -> [ChangeFeedStateMachine.Change] {
    guard leaving[key] != nil else { return [.deleted(key)] }
    gone.insert(key)
    return []
  }
}

/// An object of a cluster that is no resource.
package struct UnreadableObject: Sendable {
  /// The type that its kind stands for.
  package var type: ResourceType
  /// The object.
  package var object: KubernetesObject
  /// What is wrong, with the field.
  package var message: String
}
