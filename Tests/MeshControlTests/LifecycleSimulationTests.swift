import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport
import TestSupport
import Testing

@testable import MeshControl

@Suite("Lifecycles of proxies, simulated", .heavy)
struct LifecycleSimulationTests {
  private static let plans: [LifecycleSimulation.Plan] = [
    .init(), .init(hasFailures: true), .init(isShared: true), .init(isShared: true, hasFailures: true),
    .init(planes: 2, isShared: true), .init(planes: 2, isShared: true, hasFailures: true),
  ]

  @Test(
    "Whatever the interleaving, each rule holds, and in the end everything that was owed is written", arguments: plans)
  func interleavings(_ plan: LifecycleSimulation.Plan) throws {
    for seed in 0..<100 as Range<UInt64> {
      var simulation = try LifecycleSimulation(plan, seed: seed)
      for _ in 0..<300 { simulation.step() }
      settle(&simulation)
      expectWritten(simulation, seed)
      expectQuiet(&simulation, seed)
      leave(&simulation)
      let left = simulation.store.store.list(.dataplane, mesh: nil).filter {
        $0.labels[LifecycleSettings.registrationLabel] != nil
      }
      #expect(left.isEmpty, "seed \(seed), \(plan): \(left.map(\.name)) are left\n\(simulation.story)")
      if plan.planes == 1 { #expect(simulation.planes[0].registry.count == 0, "seed \(seed), \(plan)") }
      #expect(simulation.faults.isEmpty, "seed \(seed), \(plan): \(simulation.story)")
      if !simulation.faults.isEmpty { return }
    }
  }

  @Test(
    "A proxy replaces and removes no Dataplane for which its token is not, and is not connected to one in the end",
    arguments: [
      .init(hasTokens: true), .init(hasFailures: true, hasTokens: true), .init(isShared: true, hasTokens: true),
      .init(planes: 2, isShared: true, hasFailures: true, hasTokens: true),
    ] as [LifecycleSimulation.Plan])
  func strangers(_ plan: LifecycleSimulation.Plan) throws {
    var (ended, refused) = (0, 0)
    for seed in 0..<100 as Range<UInt64> {
      var simulation = try LifecycleSimulation(plan, seed: seed)
      for _ in 0..<300 { simulation.step() }
      settle(&simulation)
      for client in simulation.clients where client.isAdmitted {
        guard let stored = simulation.stored(.dataplane, client.proxy) else { continue }
        let (own, other) = (LifecycleSimulation.service(ofPort: client.port), LifecycleSimulation.service(of: stored))
        #expect(own == other, "seed \(seed), \(plan): \(client.stream) is connected\n\(simulation.story)")
      }
      ended += simulation.ended.count
      refused += simulation.refused
      #expect(simulation.faults.isEmpty, "seed \(seed), \(plan): \(simulation.story)")
      if !simulation.faults.isEmpty { return }
    }
    // It happened at all.
    #expect(ended > 0 && refused > 0, "\(ended) ended, \(refused) refused")
  }

  /// Lets everything that is under way end, with a store that does what it is asked.
  private func settle(_ simulation: inout LifecycleSimulation, for duration: Duration = .seconds(65)) {
    simulation.store.failures = 0
    // What could not be written is written when a store is back.
    if simulation.plan.hasFailures { simulation.isAway = true }
    simulation.isAway = false
    simulation.run(for: duration)
  }

  private func leave(_ simulation: inout LifecycleSimulation) {
    for client in simulation.clients { simulation.close(client.stream) }
    settle(&simulation)
  }

  private func expectWritten(_ simulation: LifecycleSimulation, _ seed: UInt64) {
    let plan = simulation.plan
    func comment(_ text: String) -> Comment { "seed \(seed), \(plan): \(text)\n\(simulation.story)" }
    for (stream, count) in simulation.answers { #expect(count == 1, comment("\(stream) was answered \(count) times")) }
    for client in simulation.clients {
      #expect(client.isAdmitted, comment("\(client.stream) was not answered"))
      let connected = simulation.planes[client.plane].connected[client.proxy] ?? 0
      let streams = simulation.clients.count { $0.plane == client.plane && $0.proxy == client.proxy }
      #expect(connected == streams, comment("\(client.proxy.name) counts as connected \(connected) times"))
      guard client.port != nil else { continue }
      // Where the stores' answers are lost, two control planes may take each other's proxies for gone for a while.
      guard plan.planes == 1 || !plan.hasFailures else { continue }
      let dataplane = simulation.stored(.dataplane, client.proxy)
      #expect(dataplane != nil, comment("\(client.proxy.name) has no Dataplane"))
      let insight = simulation.stored(.dataplaneInsight, client.proxy)?.content(DataplaneInsight.self)
      let subscription = insight?.subscriptions.first { $0.id == client.stream }
      guard plan.isShared else { continue }
      #expect(subscription?.disconnectTime == nil, comment("\(client.stream) counts as ended"))
      if simulation.clients.count(where: { $0.proxy == client.proxy }) <= DataplaneInsight.subscriptionLimit {
        let counts = simulation.planes[client.plane].counts[client.stream]?.total
        #expect(subscription?.status.total == counts ?? .init(), comment("counts of \(client.stream)"))
      }
      let open = Set(insight?.subscriptions.filter { $0.disconnectTime == nil }.map(\.id) ?? [])
      let all = Set(simulation.clients.filter { $0.proxy == client.proxy }.map(\.stream))
      #expect(open.isSubset(of: all), comment("\(open.subtracting(all)) of \(client.proxy.name) last"))
    }
    guard plan.planes == 1 else { return }
    for proxy in Set(simulation.clients.map(\.proxy)) where !simulation.writtenByUsers.contains(proxy) {
      let newest = simulation.planes[0].registry[proxy]?.newest
      guard let registration = newest?.registration else { continue }
      let stored = simulation.stored(.dataplane, proxy)
      #expect(stored?.says(registration) == true, comment("\(proxy.name) has not the newest one's Dataplane"))
    }
  }

  /// Nothing is written for as long as nothing happens.
  private func expectQuiet(_ simulation: inout LifecycleSimulation, _ seed: UInt64) {
    let writes = simulation.writes
    simulation.run(for: .seconds(200))
    #expect(simulation.writes == writes, "seed \(seed), \(simulation.plan): \(simulation.story)")
  }

  @Test("A control plane that shuts down stores the end of its streams, and refuses new ones")
  func stops() throws {
    for seed in 0..<25 as Range<UInt64> {
      var simulation = try LifecycleSimulation(.init(), seed: seed)
      for _ in 0..<100 { simulation.step() }
      simulation.stop(0)
      let open = simulation.store.store.list(.dataplaneInsight, mesh: nil).filter { resource in
        resource.content(DataplaneInsight.self)?.subscriptions.contains {
          $0.controlPlaneInstanceId == simulation.planes[0].instance && $0.disconnectTime == nil
        } == true
      }
      #expect(open.isEmpty && simulation.faults.isEmpty, "seed \(seed): \(open.map(\.name)) \(simulation.story)")
      let admitted = simulation.clients.count(where: \.isAdmitted)
      simulation.open()
      #expect(simulation.clients.count(where: \.isAdmitted) == admitted, "seed \(seed)")
    }
  }
}
