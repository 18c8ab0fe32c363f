import Testing
package import TraceModel
package import TraceStore

/// What every store of spans has to do, as cases for an argument of a test. Each case gets a store of its own.
package struct SpanStoreContract: Sendable, CustomTestStringConvertible {
  /// What a store is made with.
  package struct Settings: Sendable {
    /// The time of day.
    package let clock = WallClock { SampleSpans.now }
    /// The tags whose values are offered for autocompletion.
    package let autocompleteKeys = ["environment"]
  }

  /// A store, and what a case says to it when it has stored all of its spans: a store that moves spans to where they stay
  /// does so then, so that queries find them there.
  package struct Subject: Sendable {
    let store: any SpanStore
    let settle: @Sendable () async throws -> Void

    /// Names a store.
    package init(_ store: any SpanStore, settle: @escaping @Sendable () async throws -> Void = {}) {
      self.store = store
      self.settle = settle
    }
  }

  /// Makes an empty store.
  package typealias Factory = @Sendable (_ settings: Settings) async throws -> Subject

  /// The case's name.
  package let testDescription: String
  private let check: @Sendable (_ subject: Subject) async throws -> Void

  init(_ name: String, _ check: @escaping @Sendable (Subject) async throws -> Void) {
    testDescription = name
    self.check = check
  }

  /// Runs the case, and closes the store.
  package func run(_ factory: Factory) async throws {
    let subject = try await factory(Settings())
    try await check(subject)
    try subject.store.close()
  }

  /// Whether two graphs are the same, as far as stores have to agree on them: counts exactly, durations to 1.6 %. A store may
  /// name a longest call that it counted before the rest of its trace came.
  package static func isAlike(_ found: ServiceGraph, _ expected: ServiceGraph) -> Bool {
    found.services == expected.services && found.length == expected.length
      && found.edges.map { [$0.parent, $0.child] } == expected.edges.map { [$0.parent, $0.child] }
      && zip(found.edges, expected.edges).allSatisfy { isAlike($0.figures, $1.figures) }
  }

  static func isAlike(_ found: CallFigures, _ expected: CallFigures) -> Bool {
    let durations = [(found.p50, expected.p50), (found.p90, expected.p90), (found.p99, expected.p99)]
    return found.calls == expected.calls && found.errors == expected.errors && found.max >= expected.max
      && durations.allSatisfy { abs($0 - $1) * 60 <= max($0, $1) }
  }

  /// Every case.
  package static let all = storing + finding + counting + canary
}

extension SpanStore {
  /// Stores spans in requests of several sizes.
  func add(_ spans: [Span], sizes: ClosedRange<Int>) async throws {
    var rest = spans[...]
    var size = sizes.lowerBound
    while !rest.isEmpty {
      try await add(Array(rest.prefix(size)), bytes: 0)
      rest = rest.dropFirst(size)
      size = size < sizes.upperBound ? size + 1 : sizes.lowerBound
    }
  }
}
