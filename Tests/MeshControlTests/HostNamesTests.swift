import Logging
import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport
import MeshXDS
import Synchronization
import Testing

@testable import MeshControl

@Suite("Host names of proxies")
struct HostNamesTests {
  private let start = ContinuousClock.now

  private static func limits() -> HostNames.Limits {
    var limits = HostNames.Limits()
    (limits.young, limits.lookups, limits.troubled) = (2, 6, 3)
    return limits
  }

  @Test("A name is looked up at once, and again when its answer or failure expires")
  func intervals() throws {
    var names = HostNames()
    #expect(names.retain("a", at: start) == true)
    let first = try #require(names.begin(at: start).first)
    #expect(first.name == "a" && names.begin(at: start).isEmpty && names.nextTime(after: start) == nil)
    #expect(names.end(first.lookup, address: nil, at: start) == .failed(hasAddress: false))
    #expect(names.nextTime(after: start) == start + .seconds(5))

    let second = try #require(names.begin(at: start + .seconds(5)).first)
    #expect(names.end(second.lookup, address: nil, at: start + .seconds(5)) == .nothing, "said once")
    #expect(names.begin(at: start + .seconds(14)).isEmpty, "the second failure holds for longer")
    let third = try #require(names.begin(at: start + .seconds(15)).first)
    #expect(names.end(third.lookup, address: "10.0.0.1", at: start + .seconds(15)) == .changed)
    #expect(names.address(of: "a") == "10.0.0.1")
    #expect(names.begin(at: start + .seconds(44)).isEmpty)
    let fourth = try #require(names.begin(at: start + .seconds(45)).first)
    #expect(names.end(fourth.lookup, address: nil, at: start + .seconds(45)) == .failed(hasAddress: true))
    #expect(names.address(of: "a") == "10.0.0.1", "the last address stays until there is another")
  }

  @Test("Names without an answer leave slots for others, and never take all slots")
  func dead() {
    var names = HostNames(limits: Self.limits())
    for name in ["dead-1", "dead-2", "dead-3", "dead-4"] { _ = names.retain(name, at: start) }
    #expect(names.begin(at: start).count == 2)
    #expect(names.nextTime(after: start) == start + .seconds(1), "then they are no longer young")
    var hung = names.begin(at: start + .seconds(1))
    #expect(hung.count == 2)
    _ = names.retain("alive", at: start + .seconds(2))
    #expect(names.begin(at: start + .seconds(2)).map(\.name) == ["alive"])
    #expect(names.running == 5)

    // When they have failed, at most three of them are asked for at a time, and others go first.
    names = HostNames(limits: Self.limits())
    for name in ["dead-1", "dead-2", "dead-3", "dead-4", "dead-5"] { _ = names.retain(name, at: start) }
    for second in 0..<5 {
      hung = names.begin(at: start + .seconds(second))
      for lookup in hung { _ = names.end(lookup.lookup, address: nil, at: start + .seconds(second)) }
    }
    for second in 30..<60 { hung = names.begin(at: start + .seconds(second)) }
    #expect(names.running == 3)
    _ = names.retain("alive", at: start + .seconds(60))
    #expect(names.begin(at: start + .seconds(60)).map(\.name) == ["alive"])
  }

  @Test("A name is looked up as long as it has users, then evicted")
  func release() throws {
    var names = HostNames()
    for _ in 0..<2 { #expect(names.retain("a", at: start) == true) }
    let lookup = try #require(names.begin(at: start).first)
    #expect(names.end(lookup.lookup, address: "10.0.0.1", at: start) == .changed)
    names.release("a")
    #expect(names.begin(at: start + .seconds(30)).map(\.name) == ["a"], "one still uses it")
    names.release("a")
    #expect(names.end(2, address: "10.0.0.2", at: start + .seconds(31)) == .nothing, "nobody is told")
    #expect(names.begin(at: start + .seconds(90)).isEmpty)
    #expect(names.count == 0 && names.nextTime(after: start + .seconds(90)) == nil)
  }

  @Test("The number of known names is bounded")
  func bounds() {
    var limits = HostNames.Limits()
    (limits.names, limits.unused, limits.young) = (3, 2, 100)
    var names = HostNames(limits: limits)
    for name in ["a", "b", "c"] { #expect(names.retain(name, at: start) == true) }
    #expect(names.retain("d", at: start) == false)
    names.release("a")
    #expect(names.retain("d", at: start) == true, "there is room again")
    for index in 0..<10_000 {
      names.release("d")
      #expect(names.retain("n\(index)", at: start) == true)
      names.release("n\(index)")
      #expect(names.retain("d", at: start) == true)
      #expect(names.count <= 3 + 2)
    }
  }

  /// A resolver of which a test decides what it answers, and when.
  private final class Answers: Sendable {
    private let state = Mutex<(asked: [String: Int], waiting: [String: @Sendable (String?) -> Void])>(([:], [:]))
    let held: Set<String>

    init(held: Set<String>) { self.held = held }

    func lookUp(_ name: String, _ answer: @escaping @Sendable (String?) -> Void) {
      let isHeld = state.withLock { state in
        state.asked[name, default: 0] += 1
        guard held.contains(name) else { return false }
        state.waiting[name] = answer
        return true
      }
      if !isHeld { answer("10.0.0.\(name.utf8.last ?? 0)") }
    }

    func asked(_ name: String) -> Int { state.withLock { $0.asked[name] ?? 0 } }
    func release(_ name: String) { state.withLock { $0.waiting.removeValue(forKey: name) }?("10.1.0.1") }
  }

  private static func dataplane(_ name: String, address: String, advertised: String = "") -> Resource {
    Resource(
      mesh: "default", name: name,
      spec: Dataplane(
        networking: .init(
          address: address, advertisedAddress: advertised, inbound: [.init(port: 80, tags: [TagName.service: name])])
      ).spec)
  }

  @Test(
    "A proxy is reached although the name of another is never answered, and names of proxies that are gone are forgotten"
  )
  func reconciler() async throws {
    let answers = Answers(held: ["dead.example"])
    let logger = Logger(label: "test")
    let store = MemoryStore()
    _ = try await store.put(Resource(name: "default", spec: Mesh().spec))
    let resolver = AddressResolver(logger: logger) { answers.lookUp($0, $1) }
    let reconciler = Reconciler(
      store: store, translator: EnvoyTranslator(), cache: SnapshotCache(), resolver: resolver, logger: logger)
    let running = Task {
      async let names: Void = resolver.run()
      async let changes: Void = reconciler.run()
      _ = try await (names, changes)
    }
    defer { running.cancel() }
    _ = try await store.put(Self.dataplane("dead", address: "dead.example"))
    _ = try await store.put(Self.dataplane("a", address: "a"))
    _ = try await store.put(Self.dataplane("b", address: "127.0.0.1", advertised: "b"))
    try await eventually("the addresses of the others") {
      resolver.address(of: "a") == "10.0.0.97" && resolver.address(of: "b") == "10.0.0.98"
    }
    func addresses() async -> [String: String] {
      await reconciler.inspect("default") { index in
        Dictionary(
          uniqueKeysWithValues: ["a", "b", "dead"].compactMap { name in
            index.dataplane(name)?.networking.map {
              (name, $0.advertisedAddress.isEmpty ? $0.address : $0.advertisedAddress)
            }
          })
      }
    }
    try await eventually("the index to have them") {
      await addresses() == ["a": "10.0.0.97", "b": "10.0.0.98", "dead": "dead.example"]
    }
    #expect(answers.asked("dead.example") == 1 && resolver.counts.lookups == 1)

    try store.delete(ResourceKey(type: .dataplane, mesh: "default", name: "dead"), if: .always)
    let isGone = await reconciler.inspect("default") { $0.dataplane("dead") == nil }
    #expect(isGone)
    answers.release("dead.example")
    try await eventually("the lookup's end") { resolver.counts.lookups == 0 }
    #expect(resolver.address(of: "dead.example") == "10.1.0.1", "an answer is kept as long as it holds")
    #expect(answers.asked("dead.example") == 1)
  }
}
