import MeshModel
import MeshPolicy
import TestSupport
import Testing

@testable import MeshControl

@Suite("Whether reports in protobuf arrive")
struct ReportTrialTests {
  private static let proxy = ReportFormsTests.proxy

  /// A proxy on protobuf, of which nothing has arrived yet.
  private func world(isLocal: Bool, url: CollectorURL) -> ReportWorld {
    var world = ReportWorld()
    world.identities[url] = .collector(instance: "1")
    if isLocal { world.counts[Self.proxy] = 7 }
    world.trace(Self.proxy, to: url)
    world.connect(Self.proxy, ReportWorld.traits(isLocal: isLocal))
    world.pass(.milliseconds(100))
    world.handle(.acknowledged(Self.proxy))
    return world
  }

  @Test("A report that arrives proves the way, and then nothing is asked but who the receiver is")
  func proven() throws {
    let url = try ReportFormsTests.url()
    var world = world(isLocal: false, url: url)
    world.pass(.seconds(60))
    world.arrivals[url] = [Self.proxy: world.now]
    world.pass(.seconds(10))
    let reads = world.reads
    world.pass(.seconds(3600))
    #expect(world.formats[Self.proxy] == .protobuf && world.reads == reads && world.counted == 0)
    #expect(world.computed == 2, "the wait, and the answer")
  }

  @Test("Reports that something else takes make the proxy fall back, and one that arrives later brings protobuf back")
  func refuted() throws {
    let url = try ReportFormsTests.url()
    var world = world(isLocal: true, url: url)
    world.pass(.seconds(20))
    #expect(world.formats[Self.proxy] == .protobuf, "nothing was sent")
    world.counts[Self.proxy] = 8
    world.pass(.milliseconds(2900))
    #expect(world.formats[Self.proxy] == .protobuf, "the report may be on its way")
    world.pass(.seconds(12))
    #expect(world.formats[Self.proxy] == .json && world.reason(Self.proxy) == .notArriving(url))
    world.pass(.seconds(300))
    #expect(world.formats[Self.proxy] == .json)
    world.arrivals[url] = [Self.proxy: world.now]
    world.pass(.seconds(6))
    #expect(world.formats[Self.proxy] == .protobuf)
    let computed = world.computed
    world.pass(.seconds(3600))
    #expect(world.formats[Self.proxy] == .protobuf && world.computed == computed)
  }

  @Test("A proxy without traffic keeps protobuf if its Envoy says that it sent nothing")
  func idle() throws {
    var world = world(isLocal: true, url: try ReportFormsTests.url())
    world.pass(.seconds(3600))
    #expect(world.formats[Self.proxy] == .protobuf)
    #expect(world.counted < 400 && world.reads < 800, "questions become rare")
  }

  @Test("If the Envoy cannot be asked, two minutes without an arrival end in JSON")
  func unknown() throws {
    let url = try ReportFormsTests.url()
    var world = world(isLocal: false, url: url)
    world.pass(.seconds(119))
    #expect(world.formats[Self.proxy] == .protobuf)
    world.pass(.seconds(10))
    #expect(world.formats[Self.proxy] == .json && world.reason(Self.proxy) == .noArrival(url, within: .seconds(120)))
    world.arrivals[url] = [Self.proxy: world.now]
    world.pass(.seconds(6))
    #expect(world.formats[Self.proxy] == .protobuf)
  }

  @Test("A collector that does not say what arrived gets JSON after two minutes")
  func secretive() throws {
    let url = try ReportFormsTests.url()
    for isLocal in [false, true] {
      var world = world(isLocal: isLocal, url: url)
      world.secretive = [url]
      world.counts[Self.proxy] = isLocal ? 9 : nil
      world.pass(.seconds(110))
      #expect(world.formats[Self.proxy] == .protobuf)
      world.pass(.seconds(20))
      #expect(world.formats[Self.proxy] == .json)
    }
  }

  @Test("After a move, reports of listeners that drain do not count")
  func moved() throws {
    let old = try ReportFormsTests.url("http://old.example:9411")
    let new = try ReportFormsTests.url("http://new.example:9411")
    var world = ReportWorld()
    world.identities[new] = .collector(instance: "1")
    world.counts[Self.proxy] = 0
    world.trace(Self.proxy, to: old, ZipkinOptions(format: .json))
    world.connect(Self.proxy, ReportWorld.traits(isLocal: true, drainTime: .seconds(40)))
    world.pass(.seconds(1))
    world.trace(Self.proxy, to: new)
    for second in 1...39 {
      world.pass(.seconds(1))
      world.counts[Self.proxy] = UInt64(second)
    }
    #expect(world.formats[Self.proxy] == .protobuf)
    for second in 40...70 {
      world.pass(.seconds(1))
      world.counts[Self.proxy] = UInt64(second)
    }
    #expect(world.formats[Self.proxy] == .json && world.reason(Self.proxy) == .notArriving(new))
  }

  @Test("Thousands of proxies are watched with one question at a time to their receiver")
  func crowd() throws {
    let url = try ReportFormsTests.url()
    var world = ReportWorld()
    world.identities[url] = .own
    let proxies = (0..<2_000).map { ProxyID(mesh: "default", name: "p\($0)") }
    for proxy in proxies {
      world.trace(proxy, to: url)
      world.connect(proxy)
    }
    world.pass(.seconds(1))
    world.arrivals[url] = Dictionary(uniqueKeysWithValues: proxies.map { ($0, world.now) })
    world.pass(.seconds(60))
    #expect(world.formats.values.allSatisfy { $0 == .protobuf } && world.formats.count == 2_000)
    #expect(world.reads <= 3 && world.computed <= 4_000)
    #expect(world.asked[url].map { $0 < 10 } == true)
    #expect(world.forms.count(.protobuf, isAutomatic: true) == 2_000)
  }

  // MARK: Interleavings

  /// Proxies, backends and receivers that change in an order that a seed decides.
  private struct Simulation {
    var world = ReportWorld()
    var generator: SeededGenerator
    let urls: [CollectorURL]
    let proxies = ["a", "b", "c", "d", "e"].map { ProxyID(mesh: "default", name: $0) }
    var streams: [ProxyID: [ProxyTraits]] = [:]
    /// The proxies whose reports go where the control plane's questions go. What was proven stays, so there are only more.
    var isReached: Set<ProxyID>

    init(seed: UInt64) throws {
      generator = SeededGenerator(seed: seed)
      isReached = Set(proxies.shuffled(using: &generator).prefix(2))
      urls = try ["one", "two", "three"].map { try ReportFormsTests.url("http://\($0).example:9411") }
    }

    mutating func step() {
      guard let proxy = proxies.randomElement(using: &generator), let url = urls.randomElement(using: &generator)
      else { return }
      switch Int.random(in: 0..<100, using: &generator) {
      case 0..<15:
        let traits = ReportWorld.traits(
          ["1.40.0", "1.40.0", "1.38.3", "1.36.2"].randomElement(using: &generator) ?? "",
          hasRuntime: Int.random(in: 0..<5, using: &generator) > 0, isLocal: Bool.random(using: &generator))
        streams[proxy, default: []].append(traits)
        world.connect(proxy, traits)
      case 15..<25:
        guard let index = streams[proxy]?.indices.randomElement(using: &generator),
          let traits = streams[proxy]?.remove(at: index)
        else { return }
        world.disconnect(proxy, traits)
      case 25..<40:
        let options = ZipkinOptions(
          format: Bool.random(using: &generator) ? .json : .protobuf,
          isAutomatic: Int.random(in: 0..<4, using: &generator) > 0)
        world.trace(proxy, to: Int.random(in: 0..<6, using: &generator) == 0 ? nil : url, options.normal)
      case 40..<55:
        world.identities[url] =
          [.own, .collector(instance: "1"), .other(what: "something"), nil].randomElement(using: &generator) ?? nil
      case 55..<60: world.delay = .milliseconds(Int.random(in: 0..<1500, using: &generator))
      case 60: isReached.insert(proxy)
      case 61..<80: world.handle(.acknowledged(proxy))
      default: run(.milliseconds(Int.random(in: 0..<20_000, using: &generator)))
      }
    }

    /// Lets time pass, in which proxies report once a second.
    mutating func run(_ time: Duration) {
      var left = time
      while left > .zero {
        for (proxy, backend) in world.backends where world.formats[proxy] != nil && streams[proxy]?.isEmpty == false {
          // Whoever answers counts at the Envoy.
          if world.identities[backend.url] != nil { world.counts[proxy, default: 0] += 1 }
          if world.identities[backend.url]?.isOurs == true, isReached.contains(proxy) {
            world.arrivals[backend.url, default: [:]][proxy] = world.now
          }
        }
        world.pass(min(left, .seconds(1)))
        left -= .seconds(1)
      }
    }

    /// The format that a proxy must have when everything has been stable for long.
    func expected(_ proxy: ProxyID) -> TracingDestination.ZipkinFormat? {
      guard let streams = streams[proxy], !streams.isEmpty, let (url, options) = world.backends[proxy] else {
        return nil
      }
      guard options.isAutomatic else { return options.format }
      let canSend = streams.allSatisfy { $0.hasKnownTracer && $0.hasReportRuntime }
      return canSend && world.identities[url]?.isOurs == true && isReached.contains(proxy) ? .protobuf : .json
    }
  }

  @Test(
    "When nothing changes any more, exactly the proxies whose reports reach a collector of ours are on protobuf",
    arguments: 0..<60)
  func interleavings(seed: UInt64) throws {
    var simulation = try Simulation(seed: seed)
    for _ in 0..<12 {
      for _ in 0..<20 { simulation.step() }
      simulation.run(.seconds(300))
      for proxy in simulation.proxies {
        let comment = Comment(
          rawValue: "\(proxy), seed \(seed): \(simulation.world.reason(proxy)?.words ?? "no reason")")
        #expect(simulation.world.formats[proxy] == simulation.expected(proxy), comment)
      }
      let inUse = Set(simulation.world.backends.filter { $0.value.options.isAutomatic }.map(\.value.url))
      #expect(Set(simulation.world.forms.receivers.keys).isSubset(of: inUse))
    }
    #expect(simulation.world.faults.isEmpty)
  }
}

extension ZipkinOptions {
  /// A mesh's `auto` has JSON.
  fileprivate var normal: ZipkinOptions { isAutomatic ? ReportWorld.auto : self }
}

extension ReceiverAnswer {
  fileprivate var isOurs: Bool {
    switch self {
    case .own, .collector: true
    case .other, .silent: false
    }
  }
}
