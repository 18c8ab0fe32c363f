import MeshModel
import MeshPolicy
import OrderedCollections
import Testing

/// Whether a proxy has the configuration that it should have.
@Suite struct ProxyConnectionTests {
  private static func subscription(
    from start: Int64, to end: Int64? = nil, accepted: Int64? = nil, refused: DataplaneInsight.Discovery? = nil
  ) -> DataplaneInsight.Subscription {
    DataplaneInsight.Subscription(
      id: "\(start)", controlPlaneInstanceId: "cp", connectTime: Timestamp(seconds: start),
      disconnectTime: end.map { Timestamp(seconds: $0) },
      status: DataplaneInsight.Status(
        lastAcknowledgementTime: accepted.map { Timestamp(seconds: $0) },
        lastRejection: refused.map {
          DataplaneInsight.Rejection(discovery: $0, time: Timestamp(seconds: 60), message: "cannot bind")
        }))
  }

  @Test("a proxy that was never seen", arguments: [nil, DataplaneInsight()])
  func never(insight: DataplaneInsight?) {
    let connection = ProxyConnection(insight)
    #expect(connection.status == .neverConnected)
    #expect(
      connection.obstacle
        == "The proxy has never connected to the control plane, so no Envoy has this configuration yet.")
  }

  @Test("a connected proxy that took everything") func online() {
    let connection = ProxyConnection(
      DataplaneInsight(subscriptions: [
        Self.subscription(from: 1, to: 5, accepted: 4, refused: .lds), Self.subscription(from: 10, accepted: 20),
      ]))
    #expect(connection.obstacle == nil, "what an earlier connection refused is no matter")
    #expect(
      connection.document == [
        "status": "online", "connectTime": "1970-01-01T00:00:10Z", "disconnectTime": .null,
        "lastAcknowledgementTime": "1970-01-01T00:00:20Z", "lastRejection": .null,
      ])
  }

  @Test("an overlapping older connection that has ended does not count") func overlapping() {
    let connection = ProxyConnection(
      DataplaneInsight(subscriptions: [Self.subscription(from: 1), Self.subscription(from: 2, to: 3)]))
    #expect(connection.status == .online)
    #expect(connection.connectTime == Timestamp(seconds: 1))
  }

  @Test(
    "a connected proxy that refuses",
    arguments: [
      (
        .lds,
        "The running Envoy does not have this configuration: it refused its last listeners (LDS) at "
          + "1970-01-01T00:01:00Z and keeps earlier ones: cannot bind"
      ),
      (
        .cds,
        "The running Envoy does not have this configuration: it refused its last clusters (CDS) at "
          + "1970-01-01T00:01:00Z and keeps earlier ones: cannot bind"
      ),
      (.eds, nil),
    ] as [(DataplaneInsight.Discovery, String?)])
  func refusing(discovery: DataplaneInsight.Discovery, obstacle: String?) {
    let connection = ProxyConnection(
      DataplaneInsight(subscriptions: [Self.subscription(from: 1, refused: discovery)]))
    #expect(connection.obstacle == obstacle)
    #expect(
      connection.document["lastRejection"] == [
        "type": .string(discovery.rawValue), "time": "1970-01-01T00:01:00Z", "message": "cannot bind",
      ])
  }

  @Test("a refusal because of a port that is taken comes with what to do, where that can be done") func takenPort() {
    func obstacle(_ message: String, to end: Int64? = nil) -> String? {
      var subscription = Self.subscription(from: 1, to: end, refused: .lds)
      subscription.status.lastRejection?.message = message
      return ProxyConnection(DataplaneInsight(subscriptions: [subscription])).obstacle
    }
    let reason = "cannot bind '127.0.0.1:80': Address already in use"
    let advice = reason + ". Free the port and restart kuma-dp, or name another port in the Dataplane."
    #expect(obstacle(reason)?.hasSuffix(advice) == true)
    #expect(obstacle(reason, to: 120)?.hasSuffix(reason) == true)
    #expect(obstacle("cannot bind '10.9.9.9:80': Cannot assign requested address")?.contains("restart") == false)
  }

  @Test("a proxy that is gone, and what it had refused before") func offline() {
    let start =
      "The proxy has been offline since 1970-01-01T00:02:00Z: its Envoy, if it runs at all, has the configuration of that time"
    func obstacle(_ refused: DataplaneInsight.Discovery?) -> String? {
      ProxyConnection(DataplaneInsight(subscriptions: [Self.subscription(from: 1, to: 120, refused: refused)])).obstacle
    }
    #expect(obstacle(nil) == start + ".")
    #expect(
      obstacle(.lds) == start
        + "; before, it refused its last listeners (LDS) at 1970-01-01T00:01:00Z and keeps earlier "
        + "ones: cannot bind")
  }

  @Test("the verdict is followed by what hinders it") func summary() throws {
    var change = MeshIndex.Change()
    change.dataplanes["p"] = Dataplane(inbounds: ["service=web"])
    var index = MeshIndex(name: "m")
    _ = index.apply(change)
    var explanation = try #require(index.explanation(for: "p"))
    let verdict = "Not traced: no TrafficTrace of the mesh matches this proxy."
    #expect(explanation.summary == verdict)
    #expect(explanation.document["connection"] == nil)
    explanation.connection = ProxyConnection(nil)
    #expect(
      explanation.summary
        == verdict + " The proxy has never connected to the control plane, so no Envoy has this configuration yet.")
    #expect(explanation.document["connection"]?["status"] == "neverConnected")
  }

  @Test("several processes that claim to be one proxy are told of, with addresses and times") func claims() throws {
    func subscription(_ start: Int64, _ process: String, to end: Int64? = nil) -> DataplaneInsight.Subscription {
      var subscription = Self.subscription(from: start, to: end, accepted: start)
      subscription.peer = DataplaneInsight.Peer(address: "10.0.0.1:\(start)", process: process)
      return subscription
    }
    let one = DataplaneInsight(subscriptions: [subscription(1, "a", to: 9), subscription(2, "b"), subscription(3, "b")])
    #expect(one.claims.isEmpty && ProxyConnection(one).obstacle == nil)
    #expect(ProxyConnection(one).document["claims"] == nil)

    let two = DataplaneInsight(subscriptions: one.subscriptions + [subscription(4, "c")])
    #expect(two.claims.map(\.connectTime.seconds) == [3, 4])
    #expect(try DataplaneInsight.read(.object(two.document)).content == two, "it is written down with the rest")
    let connection = ProxyConnection(two)
    #expect(
      connection.obstacle
        == "2 proxies claim this name (10.0.0.1:3 since 1970-01-01T00:00:03Z, 10.0.0.1:4 since 1970-01-01T00:00:04Z); all of "
        + "them get what the newest one's Dataplane says, so give each a name of its own.")
    #expect(
      connection.document["claims"]
        == [
          ["address": "10.0.0.1:3", "connectTime": "1970-01-01T00:00:03Z"],
          ["address": "10.0.0.1:4", "connectTime": "1970-01-01T00:00:04Z"],
        ])
  }
}
