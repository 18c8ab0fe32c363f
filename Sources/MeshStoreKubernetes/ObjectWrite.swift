import Documents
import KubernetesAPI
import MeshModel
import MeshStore
import OrderedCollections

/// The write of a resource, as a value: answers of the API server in, requests out.
///
/// It decides on the newest known object. If the API server knows a newer one, that is read and decided on, so conditions hold
/// across control planes.
struct ObjectWrite: Sendable {
  /// What to do next.
  enum Step: Sendable, Hashable {
    /// Create the object.
    case create(KubernetesObject)
    /// Replace the object if it still has its version.
    case replace(KubernetesObject)
    /// Read the object as it is now.
    case read
    /// Leave the object as it is: it says already what is to be written.
    case keep(KubernetesObject)
  }

  /// How often the write is decided on anew when others write the same object.
  static let attemptLimit = 10
  /// Where a write that changes nothing leaves its mark, so that the object gets another version. Other control planes see by
  /// the version that a proxy has registered again.
  static let rewriteAnnotation = "k8s.kuma.io/rewritten-at"

  private let resource: Resource
  private let condition: WriteCondition
  /// The object that the new one belongs to: both are deleted together.
  private let owner: ObjectOwner?
  /// The namespace of secrets.
  private let systemNamespace: String
  private let clock: StoreClock.Source
  private var attempts = 0

  init(
    _ resource: Resource, _ condition: WriteCondition, systemNamespace: String, owner: ObjectOwner?,
    clock: @escaping StoreClock.Source
  ) {
    self.systemNamespace = systemNamespace
    self.resource = resource
    self.condition = condition
    self.owner = owner
    self.clock = clock
  }

  /// Decides on an object as it is now; `nil` when there is none.
  mutating func decide(on present: KubernetesObject?) throws(StoreError) -> Step {
    attempts += 1
    guard attempts <= Self.attemptLimit else {
      throw StoreError(
        code: .unavailable, message: "\(resource.key) was not written: others write it all the time; try again")
    }
    guard let present else {
      guard condition.holds(for: nil) else {
        throw .conflict(resource.key, present: nil, condition: condition)
      }
      return .create(try object(over: nil))
    }
    if present.isBeingDeleted {
      throw StoreError(
        code: .unavailable,
        message: "\(resource.key) was not written: it is being deleted in the cluster; try again when it is gone")
    }
    if let type = resource.type.kubernetesSecretType, present["type"]?.string != type {
      throw StoreError(
        code: .conflict,
        message:
          "\(resource.key) was not written: the namespace \"\(systemNamespace)\" has a Secret of that name already, "
          + "of another type than \"\(type)\"; choose another name")
    }
    if let owner, owner.isController, !owner.mayOwn(present) {
      throw StoreError(
        code: .conflict,
        message:
          "\(resource.key) was not written: another controller than the \(owner.kind) \"\(owner.name)\" owns it; "
          + "delete it, or give the \(owner.kind) another name")
    }
    // One that cannot be read has no mesh that could differ, and whose mesh a controller changes has one owner.
    if owner?.isController != true, let other = try? ResourceReadings.resource(present, resource.type)?.key,
      other != resource.key
    {
      throw StoreError(
        code: .conflict,
        message: "\(resource.key) was not written: the mesh \"\(other.mesh)\" has a \(resource.type.rawValue) of that "
          + "name already, and in a cluster a name can be given once for all meshes; choose another name")
    }
    let revision = UInt64(present.resourceVersion)
    guard condition.holds(for: revision ?? 0) else {
      throw .conflict(resource.key, present: revision, condition: condition)
    }
    var object = try object(over: present)
    if object == present {
      if owner?.isController == true { return .keep(present) }
      var annotations = object.metadata["annotations"]?.object ?? [:]
      annotations[Self.rewriteAnnotation] = .string(clock().description)
      object.metadata["annotations"] = .object(annotations)
    }
    return .replace(object)
  }

  /// The step after a failed one.
  func afterFailure(_ error: KubernetesError, of step: Step) throws(StoreError) -> Step {
    switch (step, error.code) {
    case (.create, .alreadyExists), (.replace, .conflict), (.replace, .notFound): return .read
    default: throw StoreError(error, resource.key)
    }
  }

  private func object(over present: KubernetesObject?) throws(StoreError) -> KubernetesObject {
    do throws(DocumentError) {
      var object = KubernetesObject(try resource.storedObject(over: present?.document))
      if resource.type.isSecret { object.metadata["namespace"] = .string(systemNamespace) }
      owner?.own(&object)
      return object
    } catch {
      throw StoreError(
        code: .unavailable, message: "\(resource.key) was not written: \(error.message)", cause: error)
    }
  }
}

extension StoreError {
  /// A request about a resource has failed.
  ///
  /// - Parameter aim: what was to be done with it, such as `written`.
  init(_ error: KubernetesError, _ key: ResourceKey, notDone aim: String = "written") {
    var message = "\(key) was not \(aim): \(error.message)"
    if error.code == .unavailable, error.status == nil {
      message += "; if the request arrived, it was \(aim) nevertheless: read the resource again"
    }
    self.init(code: .unavailable, message: message, cause: error)
  }
}
