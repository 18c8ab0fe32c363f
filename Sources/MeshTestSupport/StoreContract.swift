public import MeshModel
public import MeshStore
public import Testing

/// What every store has to do, as cases for an argument of a test. Each case gets a store of its own.
public struct StoreContract: Sendable, CustomTestStringConvertible {
  /// Makes an empty store with a clock.
  public typealias Factory = @Sendable (_ clock: @escaping StoreClock.Source) async throws -> any ResourceStore

  /// What some stores cannot do because of what they store in. Everything else holds for every store.
  public struct Traits: Sendable {
    /// Whether a revision counts the writes to a resource, from 1. If not, each write only gives another one.
    public var countsRevisions = true
    /// Whether times are those of the given clock, and a write has a time of its own. If not, both times of a resource are
    /// that of its creation, in whole seconds of another clock.
    public var keepsTimes = true
    /// Whether labels may be any text. If not, they are short words of ASCII, and the store may add some.
    public var takesAnyLabels = true
    /// Whether two meshes may each have a resource of one type and name.
    public var repeatsNames = true

    /// A store that can do everything.
    public init() {}
  }

  /// What a case is given beside the store.
  struct Context: Sendable {
    let clock: TestClock
    let traits: Traits

    /// The name of a resource that another mesh may have, too.
    func name(_ name: String, in mesh: String) -> String { traits.repeatsNames ? name : "\(mesh)-\(name)" }

    /// Expects the revision of a resource that was written so many times since it was created.
    func expectRevision(
      _ resource: Resource, after writes: UInt64, sourceLocation: SourceLocation = #_sourceLocation
    ) {
      if traits.countsRevisions {
        #expect(resource.revision == writes, sourceLocation: sourceLocation)
      } else {
        #expect(resource.revision > 0, sourceLocation: sourceLocation)
      }
    }

    /// Expects that a resource was created after another one.
    func expectLater(
      _ second: Resource, than first: Resource?, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let times = (
        try #require(first?.creationTime, sourceLocation: sourceLocation),
        try #require(second.creationTime, sourceLocation: sourceLocation)
      )
      #expect(traits.keepsTimes ? times.1 > times.0 : times.1 >= times.0, sourceLocation: sourceLocation)
    }
  }

  /// The case's name.
  public let testDescription: String
  private let isOfTimes: Bool
  private let check: @Sendable (_ store: any ResourceStore, _ context: Context) async throws -> Void

  /// - Parameter isOfTimes: whether the case is about nothing but times.
  init(
    _ name: String, isOfTimes: Bool = false,
    _ check: @escaping @Sendable (any ResourceStore, Context) async throws -> Void
  ) {
    testDescription = name
    self.isOfTimes = isOfTimes
    self.check = check
  }

  /// Runs the case.
  public func run(traits: Traits = Traits(), _ factory: Factory) async throws {
    let clock = TestClock()
    try await check(try await factory { clock.now }, Context(clock: clock, traits: traits))
  }

  /// Every case.
  ///
  /// The names of proxies end with a namespace, which some stores need.
  public static let all = writing + deleting + subscribing + concurrent

  /// Every case that a store with these traits can pass.
  public static func all(for traits: Traits) -> [StoreContract] { all.filter { traits.keepsTimes || !$0.isOfTimes } }
}

/// Expects a failure of a kind.
func expect(
  _ code: StoreError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
  do {
    try await body()
    Issue.record("expected \(code), but nothing was thrown", sourceLocation: sourceLocation)
  } catch let error as StoreError {
    #expect(error.code == code, sourceLocation: sourceLocation)
    #expect(!error.message.isEmpty, sourceLocation: sourceLocation)
  } catch {
    Issue.record("expected \(code), but \(error) was thrown", sourceLocation: sourceLocation)
  }
}

extension ResourceKey {
  static func mesh(_ name: String) -> ResourceKey { ResourceKey(type: .mesh, name: name) }
  static func trace(_ name: String, mesh: String = "default") -> ResourceKey {
    ResourceKey(type: .trafficTrace, mesh: mesh, name: name)
  }
  static func secret(_ name: String, mesh: String = "default") -> ResourceKey {
    ResourceKey(type: .secret, mesh: mesh, name: name)
  }
  static func globalSecret(_ name: String) -> ResourceKey { ResourceKey(type: .globalSecret, name: name) }
  static func dataplane(_ name: String, mesh: String = "default") -> ResourceKey {
    ResourceKey(type: .dataplane, mesh: mesh, name: name)
  }
  static func insight(_ name: String, mesh: String = "default") -> ResourceKey {
    ResourceKey(type: .dataplaneInsight, mesh: mesh, name: name)
  }
}

extension ResourceStore {
  /// Everything in the store, by key.
  public func everything() async throws -> [ResourceKey: Resource] {
    var all: [ResourceKey: Resource] = [:]
    for type in ResourceType.allCases {
      for resource in try await list(type, mesh: nil) { all[resource.key] = resource }
    }
    return all
  }
}

/// The state that a reader of a change stream holds.
struct FoldedState: Sendable {
  var resources: [ResourceKey: Resource] = [:]
  var sequence: UInt64 = 0

  mutating func apply(_ changes: ChangeSet) {
    if changes.isWholeState { resources = [:] }
    for key in changes.deleted { resources[key] = nil }
    for resource in changes.written { resources[resource.key] = resource }
    sequence = changes.sequence
  }
}
