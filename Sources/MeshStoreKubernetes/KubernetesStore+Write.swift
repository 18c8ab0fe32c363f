import Documents
import KubernetesAPI
import Logging
package import MeshModel
package import MeshStore
import OrderedCollections

extension KubernetesStore {
  /// How often a deletion is decided on anew when others write the same object.
  private static let deletionAttemptLimit = 10

  private typealias Names = (name: String, namespace: String)

  /// Creates or updates a resource.
  package func put(
    _ resource: Resource, if condition: WriteCondition
  ) async throws(StoreError) -> (stored: Resource, created: Bool) {
    try await put(resource, if: condition, owner: nil)
  }

  func put(
    _ resource: Resource, if condition: WriteCondition, owner: ObjectOwner?
  ) async throws(StoreError) -> (stored: Resource, created: Bool) {
    let key = resource.key
    let names = try requireWritable(key)
    return try await lanes.run(ResourceReadings.ObjectID(key.type, names)) { () async throws(StoreError) in
      let present = self.object(key.type, names)
      let usual = try self.owner(of: key, isNew: present == nil)
      var write = ObjectWrite(
        resource, condition, systemNamespace: self.settings.systemNamespace, owner: owner ?? usual,
        clock: StoreClock.wallClock)
      var step = try write.decide(on: present)
      while true {
        switch (step, await self.perform(step, key.type, names)) {
        case (.read, .success(let found)):
          // Whatever the decision is, it is read from now on.
          if let found { self.replicas[key.type]?.note(stored: found) }
          step = try write.decide(on: found)
        case (_, .success(let answer)):
          guard let answer, let stored = try? ResourceReadings.resource(answer, key.type), stored.key == key else {
            throw StoreError(
              code: .unavailable, message: "\(key) was written, but the API server's answer is another object")
          }
          self.replicas[key.type]?.note(stored: answer)
          return (stored, step.isCreation)
        case (_, .failure(let error)): step = try write.afterFailure(error, of: step)
        }
      }
    }
  }

  private func perform(
    _ step: ObjectWrite.Step, _ type: ResourceType, _ names: Names
  ) async -> Result<KubernetesObject?, KubernetesError> {
    do throws(KubernetesError) {
      switch step {
      case .create(let object): return .success(try await client.create(type.kubernetesKind, object))
      case .replace(let object): return .success(try await client.replace(type.kubernetesKind, object))
      case .read: return .success(try await find(type, names))
      case .keep(let object): return .success(object)
      }
    } catch {
      return .failure(error)
    }
  }

  /// The object as the API server has it now; `nil` when there is none.
  private func find(_ type: ResourceType, _ names: Names) async throws(KubernetesError) -> KubernetesObject? {
    try await client.find(
      type.kubernetesKind, namespace: namespace(of: type, names), name: names.name)
  }

  /// The object's name and namespace, if the store takes writes.
  private func requireWritable(_ key: ResourceKey) throws(StoreError) -> Names {
    if content.isClosed {
      throw StoreError(code: .unavailable, message: "\(key) was not written: the store is closed")
    }
    try requireContent()
    do throws(DocumentError) {
      return try key.type.kubernetesNames(of: key.name)
    } catch {
      throw StoreError(code: .unavailable, message: "\(key) was not written: \(error.message)", cause: error)
    }
  }

  /// The object with which a new one is deleted: a policy's mesh, a proxy of an insight. Source: Kuma 2.7.
  ///
  /// - Throws: ``StoreError`` `meshNotFound`.
  private func owner(of key: ResourceKey, isNew: Bool) throws(StoreError) -> ObjectOwner? {
    guard key.type.isMeshScoped else { return nil }
    let mesh = ResourceKey(type: .mesh, name: key.mesh)
    guard content.feed.read({ $0[mesh] }) != nil else { throw .meshNotFound(key.mesh) }
    switch key.type {
    case .mesh, .dataplane, .globalSecret: return nil
    case .trafficTrace, .secret:
      return settings.setsOwnerReferences && isNew ? object(of: mesh).map { .resource($0) } : nil
    case .dataplaneInsight:
      return object(of: ResourceKey(type: .dataplane, mesh: key.mesh, name: key.name)).map { .resource($0) }
    }
  }

  // MARK: Deleting

  /// Deletes a resource and what depends on it.
  package func delete(_ key: ResourceKey, if condition: WriteCondition) async throws(StoreError) {
    try requireContent()
    guard content.feed.read({ $0[key] }) != nil, let names = try? requireWritable(key) else { throw .notFound(key) }
    try await lanes.run(ResourceReadings.ObjectID(key.type, names)) { () async throws(StoreError) in
      let (isInUse, keys) = self.content.feed.read { table in
        (key.type == .mesh && table.contains(.dataplane, mesh: key.name), table.deletion(of: key))
      }
      if isInUse { throw .meshInUse(key.name) }
      try await self.content.together(keys) { () async throws(StoreError) in
        try await self.delete(key, names, condition)
        for other in keys where other != key { await self.deleteDependent(other) }
      }
    }
  }

  /// Deletes the object of a resource, if the condition holds for what the API server has.
  private func delete(_ key: ResourceKey, _ names: Names, _ condition: WriteCondition) async throws(StoreError) {
    var known = object(of: key)
    for _ in 0..<Self.deletionAttemptLimit {
      guard let present = known else { throw .notFound(key) }
      let revision = UInt64(present.resourceVersion)
      guard condition.holds(for: revision ?? 0) else {
        throw .conflict(key, present: revision, condition: condition)
      }
      do throws(KubernetesError) {
        return try await delete(present, key.type, isExact: condition != .always)
      } catch {
        switch error.code {
        case .notFound:
          replicas[key.type]?.note(deleted: present)
          throw .notFound(key)
        case .invalid where key.type == .mesh: throw .meshInUse(key.name)
        case .conflict: break
        default: throw StoreError(error, key, notDone: "deleted")
        }
      }
      switch await perform(.read, key.type, names) {
      case .success(let found):
        if let found { replicas[key.type]?.note(stored: found) }
        known = found.flatMap { (try? ResourceReadings.resource($0, key.type))?.key == key ? $0 : nil }
      case .failure(let error): throw StoreError(error, key, notDone: "deleted")
      }
    }
    throw StoreError(
      code: .unavailable, message: "\(key) was not deleted: others write it all the time; try again")
  }

  /// Deletes what goes along with another resource. If that fails, the garbage collector deletes it by its owner.
  private func deleteDependent(_ key: ResourceKey) async {
    guard let present = object(of: key) else { return }
    do throws(KubernetesError) {
      try await delete(present, key.type, isExact: false)
    } catch {
      switch error.code {
      case .notFound: replicas[key.type]?.note(deleted: present)
      // Another object of that name is there by now, which does not go along.
      case .conflict: return
      default:
        logger.warning(
          "a resource was not deleted with what it belongs to",
          metadata: ["resource": "\(key)", "error": "\(error.message)"])
      }
    }
  }

  /// Deletes an object, and not a later one of its name.
  ///
  /// - Parameter isExact: whether it must not have been written since.
  private func delete(_ object: KubernetesObject, _ type: ResourceType, isExact: Bool) async throws(KubernetesError) {
    let kind = type.kubernetesKind
    try await client.delete(
      kind, namespace: object.namespace, name: object.name, uid: object.uid,
      resourceVersion: isExact ? object.resourceVersion : nil)
    guard object.metadata["finalizers"]?.array?.isEmpty == false else {
      replicas[type]?.note(deleted: object)
      return
    }
    // It stays until those who wait for its end have let it go.
    if let present = try await client.find(kind, namespace: object.namespace, name: object.name) {
      replicas[type]?.note(stored: present)
    } else {
      replicas[type]?.note(deleted: object)
    }
  }
}

extension ObjectWrite.Step {
  fileprivate var isCreation: Bool { if case .create = self { true } else { false } }
}
