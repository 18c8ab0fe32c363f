import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport
import TestSupport
import Testing

@testable import MeshControl

@Suite("Decisions of the reconciler", .heavy)
struct ReconcilePlanTests {
  /// A store that is read late, proxies that come and go, and host names that are resolved, in an order that a seed decides.
  private struct Simulation {
    var generator: SeededGenerator
    let store = MemoryStore()
    var changes: ResourceChanges.Iterator
    var plan = ReconcilePlan()
    /// What each proxy was given last.
    var held: [ProxyID: ProxyConfiguration] = [:]
    var connected: [ProxyID: Int] = [:]
    var adopted: [ProxyID: Resource] = [:]
    var addresses: [String: String] = [:]
    /// Where services are reached without the mesh's help, and the certificates of administration.
    var serviceAddresses: [String: ServiceAddress] = [:]
    var adminAccess: AdminAccess?
    /// The control plane's own collector, to which one of the backends leads.
    var ownCollector: OwnCollector?
    var retained: [String: Int] = [:]
    /// Until when those wait who were not answered yet.
    var waiting: [Int: UInt64] = [:]
    var lastWaiter = 0
    var taken: UInt64 = 0
    var isSynchronized = false
    var computed = 0
    var faults: [String] = []

    init(seed: UInt64) {
      generator = SeededGenerator(seed: seed)
      changes = store.changes().makeAsyncIterator()
    }

    mutating func handle(_ event: ReconcilePlan.Event) {
      for action in plan.handle(event, address: { addresses[$0] }) {
        switch action {
        case .compute(let proxy):
          computed += 1
          if connected[proxy] == nil { faults.append("\(proxy) is computed although it is not connected") }
          if let configuration = plan.configuration(of: proxy) { held[proxy] = configuration }
        case .clear(let proxy): held[proxy] = nil
        case .retain(let name): retained[name, default: 0] += 1
        case .release(let name):
          retained[name, default: 0] -= 1
          if retained[name] == 0 { retained[name] = nil }
        case .answer(let waiter):
          guard let target = waiting.removeValue(forKey: waiter) else {
            faults.append("\(waiter) was answered twice")
            continue
          }
          if !isSynchronized || taken < target { faults.append("\(waiter) was answered too early") }
        }
      }
    }

    mutating func take() async {
      guard !isSynchronized || store.sequence > taken, let set = await changes.next() else { return }
      isSynchronized = true
      taken = set.sequence
      // What the store says counts, once it says something.
      for key in set.deleted + set.written.map(\.key) where key.type == .dataplane {
        adopted[ProxyID(mesh: key.mesh, name: key.name)] = nil
      }
      handle(.changed(set))
    }

    mutating func step() async {
      let mesh = ["default", "other"].randomElement(using: &generator) ?? ""
      let name = ["a", "b", "c", "d"].randomElement(using: &generator) ?? ""
      let proxy = ProxyID(mesh: mesh, name: name)
      switch Int.random(in: 0..<100, using: &generator) {
      case 0..<25: write(mesh, name)
      case 25..<35:
        let type =
          [ResourceType.dataplane, .trafficTrace, .mesh, .secret].randomElement(using: &generator) ?? .dataplane
        let key = type == .mesh ? ResourceKey(type: type, name: mesh) : ResourceKey(type: type, mesh: mesh, name: name)
        try? store.delete(key, if: .always)
      case 35..<50:
        connected[proxy, default: 0] += 1
        handle(.connected(proxy, drainTime: nil))
      case 50..<60:
        guard let count = connected[proxy] else { return }
        connected[proxy] = count > 1 ? count - 1 : nil
        handle(.disconnected(proxy))
      case 60..<78: await take()
      case 78..<86:
        let changed = ["x.example", "y.example"].randomElement(using: &generator) ?? ""
        addresses[changed] = "10.1.0.\(Int.random(in: 1...3, using: &generator))"
        handle(.addressesChanged([changed]))
      case 86..<90:
        guard plan.knows(mesh), !plan.hasDataplane(proxy), taken == store.sequence else { return }
        let dataplane = dataplane(mesh, name)
        adopted[proxy] = dataplane
        handle(.adopted(dataplane))
      case 90..<93:
        adopted[proxy] = nil
        handle(.released(proxy))
      case 93..<96: moveService()
      default:
        lastWaiter += 1
        waiting[lastWaiter] = store.sequence
        handle(.awaited(store.sequence, by: lastWaiter))
      }
    }

    private mutating func moveCollector() {
      let token = Bool.random(using: &generator) ? "t" : "u"
      let isThere = Int.random(in: 0..<4, using: &generator) > 0
      ownCollector =
        isThere
        ? OwnCollector(
          port: 9411, hosts: ["zipkin"], certificateNames: ["cp"], authorities: "CA", tokens: ["default": token]) : nil
      handle(.ownCollectorChanged(ownCollector))
    }

    private mutating func moveService() {
      if Bool.random(using: &generator) { return moveCollector() }
      if Int.random(in: 0..<4, using: &generator) == 0 {
        adminAccess =
          adminAccess == nil ? AdminAccess(certificateChain: "c", privateKey: "k", clientAuthority: "a") : nil
        handle(.adminAccessChanged(adminAccess))
        return
      }
      let service = Bool.random(using: &generator) ? "web" : "api"
      let all: [ServiceAddress?] = [nil, .headless, .virtual(["10.96.0.1"], port: 80)]
      let address = all.randomElement(using: &generator) ?? nil
      serviceAddresses[service] = address
      handle(.serviceAddressesChanged([service: address]))
    }

    private mutating func write(_ mesh: String, _ name: String) {
      let resource: Resource
      switch Int.random(in: 0..<5, using: &generator) {
      case 0: resource = self.mesh(mesh)
      case 1:
        resource = .trafficTrace(
          name, mesh: mesh, match: [TagName.service: Bool.random(using: &generator) ? "*" : "web"],
          backend: Bool.random(using: &generator) ? "jaeger" : "zipkin")
      case 2: resource = .secret(mesh: mesh, name: name, data: Array((Bool.random(using: &generator) ? "1" : "2").utf8))
      default: resource = dataplane(mesh, name)
      }
      // A mesh is written first; what is written without one is refused.
      _ = try? store.put(resource, if: .always)
    }

    /// A mesh with backends, of which one may need a secret.
    private mutating func mesh(_ name: String) -> Resource {
      var resource = Resource.mesh(name, backends: Bool.random(using: &generator) ? ["jaeger"] : ["zipkin", "jaeger"])
      guard Bool.random(using: &generator), var mesh = resource.content(Mesh.self), var tracing = mesh.tracing else {
        return resource
      }
      var conf = ZipkinConf(url: "https://jaeger:9411/api/v2/spans")
      conf.headers = [ZipkinConf.Header(name: "x-key", value: .secret("a"))]
      tracing.backends[tracing.backends.count - 1] = TracingBackend(name: "jaeger", zipkin: conf)
      mesh.tracing = tracing
      resource.spec = mesh.spec
      return resource
    }

    private mutating func dataplane(_ mesh: String, _ name: String) -> Resource {
      let address = ["10.0.0.1", "10.0.0.2", "x.example", "y.example"].randomElement(using: &generator) ?? ""
      let service = Bool.random(using: &generator) ? "web" : "api"
      var resource = Resource.dataplane(name, mesh: mesh, service: service, address: address)
      if Bool.random(using: &generator), var dataplane = resource.content(Dataplane.self) {
        dataplane.networking?.transparentProxying = Dataplane.TransparentProxying(
          redirectPortInbound: 15_006, redirectPortOutbound: 15_001,
          reachableServices: Bool.random(using: &generator) ? ["web"] : nil)
        dataplane.networking?.adminPort = 9901
        resource.spec = dataplane.spec
      }
      return resource
    }

    // MARK: What must hold

    /// The index of a mesh, made from what the store has and what was adopted.
    func index(of mesh: String) -> MeshIndex {
      var change = MeshIndex.Change()
      var resources = [ResourceType.dataplane, .trafficTrace, .secret].flatMap { store.list($0, mesh: mesh) }
      resources += store.list(.mesh, mesh: nil).filter { $0.name == mesh }
      resources += adopted.values.filter { $0.mesh == mesh }
      for var resource in resources {
        if var dataplane = resource.content(Dataplane.self), let address = dataplane.networking?.address {
          dataplane.networking?.address = addresses[address] ?? address
          resource.spec = dataplane.spec
        }
        change.note(resource.key, resource)
      }
      var index = MeshIndex(name: mesh, serviceAddresses: serviceAddresses)
      _ = index.apply(change)
      return index
    }

    var names: [String: Int] {
      let dataplanes = store.list(.dataplane, mesh: nil) + adopted.values
      let names = dataplanes.compactMap { $0.content(Dataplane.self)?.networking?.address }
      return names.filter { $0.hasSuffix(".example") }.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
  }

  @Test(
    "Each connected proxy has the configuration of the store in any order of events, and readers see their own writes")
  func interleavings() async {
    for seed in 0..<60 as Range<UInt64> {
      var simulation = Simulation(seed: seed)
      for _ in 0..<300 { await simulation.step() }
      await simulation.take()
      for mesh in ["default", "other"] {
        let index = simulation.index(of: mesh)
        for name in ["a", "b", "c", "d"] {
          let proxy = ProxyID(mesh: mesh, name: name)
          let expected =
            simulation.connected[proxy] == nil
            ? nil
            : index.configuration(
              for: name, adminPort: nil, adminAccess: simulation.adminAccess, ownCollector: simulation.ownCollector)
          #expect(simulation.held[proxy] == expected, "seed \(seed), \(proxy)")
        }
      }
      #expect(simulation.waiting.isEmpty && simulation.faults.isEmpty, "seed \(seed): \(simulation.faults.prefix(3))")
      #expect(simulation.retained == simulation.names, "seed \(seed)")
      #expect(simulation.plan.connectedCount == simulation.connected.count, "seed \(seed)")
    }
  }

  @Test("A change affects only proxies whose configuration it may change")
  func concerned() async throws {
    var simulation = Simulation(seed: 1)
    for resource in [Resource.mesh(), .trafficTrace("web", match: [TagName.service: "web"])] {
      _ = try simulation.store.put(resource, if: .always)
    }
    for index in 0..<10 {
      let name = "p\(index)"
      _ = try simulation.store.put(.dataplane(name, service: index == 0 ? "web" : "s\(index)"), if: .always)
      simulation.connected[ProxyID(mesh: "default", name: name)] = 1
      simulation.handle(.connected(ProxyID(mesh: "default", name: name), drainTime: nil))
    }
    await simulation.take()
    simulation.computed = 0
    _ = try simulation.store.put(.trafficTrace("web", match: [TagName.service: "web"], backend: "other"), if: .always)
    await simulation.take()
    #expect(simulation.computed == 1)
  }

  @Test("An Envoy gets only what its version has of that which backends may ask for")
  func features() throws {
    var mesh = Mesh(tracing: Mesh.Tracing(defaultBackend: "b", backends: []))
    var conf = ZipkinConf(url: "https://c:443/s")
    conf.tls = ZipkinConf.TLS(verify: ZipkinConf.TLS.system)
    conf.headers = [ZipkinConf.Header(name: "x-key", value: .text("v"))]
    conf.traceContextOption = ZipkinConf.w3cTraceContext
    mesh.tracing?.backends = [TracingBackend(name: "b", zipkin: conf)]
    let written = [
      Resource(name: "default", spec: mesh.spec), .trafficTrace("t", backend: "b"), .dataplane("old"),
      .dataplane("new"),
    ]
    var plan = ReconcilePlan()
    _ = plan.handle(.changed(ChangeSet(isWholeState: true, written: written, deleted: [], sequence: 1))) { _ in nil }
    for (name, version) in [("old", "1.35.9"), ("new", "1.36.0")] {
      let traits = ProxyTraits(envoyVersion: version)
      _ = plan.handle(
        .connected(ProxyID(mesh: "default", name: name), drainTime: nil, features: traits.features)
      ) { _ in nil }
    }
    func configuration(_ name: String) -> ProxyConfiguration? {
      plan.configuration(of: ProxyID(mesh: "default", name: name))
    }
    func usesW3C(_ name: String) -> Bool? {
      guard case .zipkin(_, let options)? = configuration(name)?.tracing?.receiver else { return nil }
      return options.usesW3CTraceContext
    }
    #expect(configuration("old")?.collectorAccess == CollectorAccess(verification: .system))
    #expect(configuration("new")?.collectorAccess?.headers.map(\.name) == ["x-key"])
    #expect(usesW3C("old") == false)
    #expect(usesW3C("new") == true)
    #expect(plan.omittedFeatures(of: ProxyID(mesh: "default", name: "old")) == [.reportHeaders, .w3cTraceContext])
    #expect(plan.omittedFeatures(of: ProxyID(mesh: "default", name: "new")).isEmpty)
    // The proxy comes again with a newer Envoy.
    let old = ProxyID(mesh: "default", name: "old")
    _ = plan.handle(.disconnected(old)) { _ in nil }
    _ = plan.handle(.connected(old, drainTime: nil, features: ProxyTraits(envoyVersion: "1.40.0").features)) { _ in nil
    }
    #expect(usesW3C("old") == true)
  }

  @Test("Waiting readers are resumed when the change feed ends")
  func ended() {
    var simulation = Simulation(seed: 1)
    simulation.waiting = [1: 0]
    simulation.handle(.awaited(5, by: 1))
    #expect(simulation.waiting.count == 1)
    simulation.isSynchronized = true
    simulation.handle(.storeEnded)
    #expect(simulation.waiting.isEmpty && simulation.plan.isCaughtUp(with: 100))
  }

  @Test("Where the own collector is awaited, nobody is answered before it and the store's state are there")
  func ownCollector() {
    let state = ReconcilePlan.Event.changed(ChangeSet(isWholeState: true, written: [.mesh()], deleted: [], sequence: 3))
    for events in [[state, .ownCollectorChanged(nil)], [.ownCollectorChanged(nil), state]] {
      var plan = ReconcilePlan(awaitsOwnCollector: true)
      #expect(plan.handle(.awaited(3, by: 1)) { _ in nil } == [])
      #expect(plan.handle(events[0]) { _ in nil } == [] && !plan.isSynchronized)
      #expect(plan.handle(events[1]) { _ in nil } == [.answer(1)] && plan.isSynchronized)
    }
  }

  @Test(
    "Where the addresses of services are awaited, nobody is answered before both they and the store's state are there")
  func serviceAddresses() {
    let state = ReconcilePlan.Event.changed(ChangeSet(isWholeState: true, written: [.mesh()], deleted: [], sequence: 3))
    // Also an empty answer is one.
    let addresses = ReconcilePlan.Event.serviceAddressesChanged([:])
    for events in [[state, addresses], [addresses, state]] {
      var plan = ReconcilePlan(awaitsServiceAddresses: true)
      #expect(plan.handle(.awaited(3, by: 1)) { _ in nil } == [])
      #expect(plan.handle(events[0]) { _ in nil } == [] && !plan.isSynchronized)
      #expect(plan.handle(events[1]) { _ in nil } == [.answer(1)] && plan.isSynchronized)
    }
  }
}
