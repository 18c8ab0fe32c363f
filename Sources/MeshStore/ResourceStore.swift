public import MeshModel

/// Reads and writes resources by the rules of a store.
public protocol ResourceAccess: Sendable {
  /// The resource, or `nil` when there is none.
  func get(_ key: ResourceKey) async throws(StoreError) -> Resource?

  /// The resources of a type, sorted by mesh and name; of one mesh, or of all when it is `nil`.
  func list(_ type: ResourceType, mesh: String?) async throws(StoreError) -> [Resource]

  /// Creates or updates a resource. Labels, specification and key come from the argument; the store sets times and
  /// revision. A write that changes only the modification time is still a write.
  ///
  /// - Returns: the resource as stored, and whether it was created.
  /// - Throws: ``StoreError`` `meshNotFound`, `conflict` when the condition does not hold, `unavailable`.
  func put(_ resource: Resource, if condition: WriteCondition) async throws(StoreError) -> (
    stored: Resource, created: Bool
  )
}

/// Stores resources and publishes every change.
///
/// Invariants, checked by one contract suite on every store:
/// - A write is durable before its call returns.
/// - The store's clock sets the times: `creationTime` at creation only, `modificationTime` at every write. Times of
///   one store never go backwards, and two creations never share one time, unless the wall clock was ahead by more than
///   five minutes and has been corrected: see ``StoreClock``.
/// - Mesh-scoped resources can be created only in an existing mesh; deleting a mesh deletes them; a mesh cannot be
///   deleted while it has data plane proxies. Deleting a proxy deletes its insight.
public protocol ResourceStore: ResourceAccess {
  /// Deletes a resource and what depends on it.
  ///
  /// - Throws: ``StoreError`` `notFound`, `conflict` when the condition does not hold, `meshInUse`, `unavailable`.
  func delete(_ key: ResourceKey, if condition: WriteCondition) async throws(StoreError)

  /// A new subscription to changes: first the whole current state, then whatever has changed since the last element, with
  /// the newest version of each resource once. A slow subscriber gets fewer, larger elements and never an old version.
  func changes() -> ResourceChanges

  /// The ``ChangeSet/sequence`` of the newest change. A subscriber that has reached it has seen every write that returned
  /// before this call.
  var sequence: UInt64 { get }

  /// Why the store cannot be written to now, in a sentence that names the store and says what to do; nil if it can. Health
  /// checks call this; it is cheap while the store works.
  func obstacle() async -> String?
}

extension ResourceStore {
  /// No obstacle.
  public func obstacle() async -> String? { nil }
}

extension ResourceAccess {
  /// Creates or updates a resource without a condition.
  @discardableResult
  public func put(_ resource: Resource) async throws(StoreError) -> (stored: Resource, created: Bool) {
    try await put(resource, if: .always)
  }
}

extension ResourceStore {
  /// Deletes a resource and what depends on it, without a condition.
  public func delete(_ key: ResourceKey) async throws(StoreError) { try await delete(key, if: .always) }
}

/// A store that several control planes use at the same time. Each of them sees the changes of all.
public protocol SharedStore: Sendable {
  /// Those of the given control plane instances that are connected to the store.
  ///
  /// - Throws: ``StoreError`` `unavailable`.
  func connected(of instances: Set<String>) async throws(StoreError) -> Set<String>

  /// An element each time the store becomes reachable again. Meanwhile, other control planes may have considered this one
  /// gone.
  func returnsToService() -> AsyncStream<Void>
}

/// The condition of a write.
public enum WriteCondition: Sendable, Hashable {
  /// No condition.
  case always
  /// The resource does not exist.
  case absent
  /// The resource exists with this revision.
  case revision(UInt64)
}

/// Why an operation of a store failed.
public struct StoreError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs to match on.
  public enum Code: Sendable, Hashable {
    /// There is no such resource.
    case notFound
    /// The mesh of a resource does not exist.
    case meshNotFound
    /// A mesh cannot be deleted because it has data plane proxies.
    case meshInUse
    /// The condition of a write does not hold.
    case conflict
    /// The store has as many or as large resources as it may; nothing was written. What is there can be changed and deleted.
    case full
    /// The store cannot be reached, its disk is full, or it is damaged; nothing was written.
    case unavailable
  }

  /// The kind of failure.
  public var code: Code
  /// What is wrong and what to do, in a sentence.
  public var message: String
  /// The underlying error.
  public var cause: (any Error)?

  /// Describes a failure.
  public init(code: Code, message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// The message.
  public var description: String { message }
}

/// What has changed in a store since the last element of a subscription.
public struct ChangeSet: Sendable {
  /// Whether the element is the whole current state, which replaces everything known before.
  public var isWholeState: Bool
  /// The newest version of each resource that was written.
  public var written: [Resource]
  /// The resources that were deleted and do not exist now.
  public var deleted: [ResourceKey]

  /// The number of the newest change in the element; it increases with each element.
  public var sequence: UInt64

  /// Makes an element.
  public init(isWholeState: Bool, written: [Resource], deleted: [ResourceKey], sequence: UInt64 = 0) {
    self.sequence = sequence
    self.isWholeState = isWholeState
    self.written = written
    self.deleted = deleted
  }
}
