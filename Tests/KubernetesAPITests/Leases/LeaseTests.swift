import Documents
import KubernetesTestSupport
import Logging
import OrderedCollections
import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("Leases on a real API server", .onKubernetes, .heavy) struct LeaseTests {
  private let server: KubernetesServer

  init() async throws { server = try await .shared() }

  private func election(
    _ identity: String, _ namespace: String, _ client: KubernetesClient
  ) -> (election: LeaderElection, task: Task<Void, Never>) {
    var settings = LeaderElection.Settings()
    settings.leaseDuration = .seconds(15)
    settings.renewDeadline = .seconds(10)
    settings.retryPeriod = .milliseconds(200)
    let election = LeaderElection(
      client: client, namespace: namespace, identity: identity, settings: settings, logger: Logger(label: "test"))
    return (election, Task { await election.run() })
  }

  @Test("one of two leads; when it ends or is cut off, the other one does") func succession() async throws {
    let namespace = try await server.makeNamespace()
    let relay = try await CuttableRelay.start(before: server.port)
    let client = try server.client()
    let a = election("a", namespace, try server.client(over: relay))
    try await eventually("a leader") { a.election.isLeader }
    let b = election("b", namespace, client)
    try await eventually("that the other one sees it") { b.election.leader == "a" }
    #expect(!b.election.isLeader)
    let lease = try await client.get(.lease, namespace: namespace, name: LeaderElection.leaseName)
    #expect(lease["spec"]?["holderIdentity"] == "a" && lease["spec"]?["leaseDurationSeconds"] == 15)

    relay.behave(.refuses)
    relay.cut()
    try await eventually("the other leader") { b.election.isLeader }
    #expect(!a.election.isLeader)
    relay.behave(.passes)
    try await eventually("that the first one sees it") { a.election.leader == "b" }

    // What ends in peace gives the lease back.
    var changes = a.election.changes().makeAsyncIterator()
    #expect(await changes.next() == false)
    b.task.cancel()
    await b.task.value
    #expect(await changes.next() == true)
    #expect(a.election.isLeader && !b.election.isLeader)
    a.task.cancel()
    await a.task.value
    #expect(await changes.next(isolation: nil) != true)
    let end = try await client.get(.lease, namespace: namespace, name: LeaderElection.leaseName)
    #expect(end["spec"]?["holderIdentity"] == "")
    #expect((end["spec"]?["leaseTransitions"]?.number ?? 0) >= 2)
    await relay.stop()
  }

  @Test(
    "a lease that somebody has spoilt is taken and renewed again",
    arguments: [
      ["holderIdentity": "a", "leaseDurationSeconds": 1],
      ["holderIdentity": "", "leaseTransitions": .integer(Int64(Int32.max))],
    ] as [DocumentValue]) func spoilt(spec: DocumentValue) async throws
  {
    let namespace = try await server.makeNamespace()
    let client = try server.client()
    var lease = KubernetesObject(.lease, namespace: namespace, name: LeaderElection.leaseName)
    lease["spec"] = spec
    lease = try await client.create(.lease, lease)
    let a = election("a", namespace, client)
    try await eventually("the leader") { a.election.isLeader }
    a.task.cancel()
    await a.task.value
    let written = try await client.get(.lease, namespace: namespace, name: LeaderElection.leaseName)
    #expect(written["spec"]?["renewTime"]?.string?.isEmpty == false)
  }

  @Test("each sees who is there; the leases of those that are gone are deleted by the leader") func presence()
    async throws
  {
    let namespace = try await server.makeNamespace()
    let client = try server.client()
    func presence(_ identity: String, isLeader: Bool) -> (lease: PresenceLease, task: Task<Void, Never>) {
      var settings = PresenceLease.Settings()
      settings.validity = .seconds(60)
      settings.renewInterval = .milliseconds(300)
      settings.retention = .seconds(4)
      let lease = PresenceLease(
        client: client, namespace: namespace, identity: identity, settings: settings, isLeader: { isLeader },
        logger: Logger(label: "test"))
      return (lease, Task { await lease.run() })
    }
    let a = presence("Host_A-0001", isLeader: true)
    let b = presence("host-b-0002", isLeader: false)
    let both: Set = ["Host_A-0001", "host-b-0002"]
    try await eventually("both") { (try? a.lease.connected(of: both.union(["c"]))) == both }
    try await eventually("both") { (try? b.lease.connected(of: both)) == both }

    // One that was killed: its lease is there, and nobody renews it.
    var dead = KubernetesObject(.lease, namespace: namespace, name: "kuma-cp-dead")
    dead.metadata["labels"] = [PresenceLease.label.key: .string(PresenceLease.label.value)]
    dead["spec"] = ["holderIdentity": "dead", "leaseDurationSeconds": 3]
    // A lease of another purpose is not touched.
    var foreign = KubernetesObject(.lease, namespace: namespace, name: "foreign")
    foreign["spec"] = ["holderIdentity": "foreign", "leaseDurationSeconds": 3]
    for lease in [dead, foreign] { _ = try await client.create(.lease, lease) }
    try await eventually("a lease that nobody renews does not count") {
      let names = try await client.list(.lease, namespace: namespace).objects.map(\.name).sorted()
      return names == ["foreign", "kuma-cp-host-a-0001", "kuma-cp-host-b-0002"]
    }
    #expect(try a.lease.connected(of: ["dead", "foreign"]) == [])

    b.task.cancel()
    await b.task.value
    try await eventually("that it has left") { (try? a.lease.connected(of: both)) == ["Host_A-0001"] }
    a.task.cancel()
    await a.task.value
    #expect(try await client.list(.lease, namespace: namespace).objects.map(\.name) == ["foreign"])
  }
}
