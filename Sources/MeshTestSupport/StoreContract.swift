public import MeshModel
public import MeshStore
public import Testing

/// What every store has to do, as cases for an argument of a test. Each case gets a store of its own.
public struct StoreContract: Sendable, CustomTestStringConvertible {
  /// Makes an empty store with a clock.
  public typealias Factory = @Sendable (_ clock: @escaping StoreClock.Source) async throws -> any ResourceStore

  /// The case's name.
  public let testDescription: String
  private let check: @Sendable (_ store: any ResourceStore, _ clock: TestClock) async throws -> Void

  init(_ name: String, _ check: @escaping @Sendable (any ResourceStore, TestClock) async throws -> Void) {
    testDescription = name
    self.check = check
  }

  /// Runs the case.
  public func run(_ factory: Factory) async throws {
    let clock = TestClock()
    try await check(try await factory { clock.now }, clock)
  }

  /// Every case.
  public static let all = writing + deleting + subscribing + concurrent
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
