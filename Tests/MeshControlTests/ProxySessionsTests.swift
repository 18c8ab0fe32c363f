import Logging
import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport
import MeshXDS
import Synchronization
import TestSupport
import Testing

@testable import MeshControl

@Suite("Sessions of proxies", .timeLimit(.minutes(15)))
struct ProxySessionsTests {
  private let store = MemoryStore()
  private let log = LogRecorder()
  private var logger: Logger { log.logger() }

  /// Runs sessions over a store with one mesh.
  ///
  /// - Parameter hasContent: whether the content of the store is ever loaded.
  private func withSessions(hasContent: Bool = true, _ body: (ProxySessions) async throws -> Void) async throws {
    _ = try await store.put(Resource(name: "default", spec: Mesh().spec))
    let reconciler = Reconciler(
      store: store, translator: EnvoyTranslator(), cache: SnapshotCache(),
      resolver: AddressResolver(logger: logger) { $1(nil) },
      logger: logger)
    let sessions = ProxySessions(
      store: store, shared: nil, reconciler: reconciler, instance: "cp", zone: "", removalDelay: .seconds(60),
      logger: logger)
    let running = Task { if hasContent { try await reconciler.run() } }
    defer { running.cancel() }
    try await body(sessions)
  }

  private static func document(port: Int, mesh: String = "default", name: String = "web") -> String {
    """
    type: Dataplane
    mesh: \(mesh)
    name: \(name)
    networking:
      address: 127.0.0.1
      inbound: [{port: \(port), tags: {kuma.io/service: web}}]
    """
  }

  private static func introduction(
    _ document: String?, of id: String = "default.web", peer: String = "ipv4:10.0.0.1:40000", adminPort: UInt16? = 9901
  ) -> ProxyIntroduction {
    ProxyIntroduction(
      nodeID: id, dataplane: document, version: .init(kumaDp: "", envoy: ""),
      address: ProxyAddress(remotePeer: peer, adminPort: adminPort))
  }

  private func storedPort() -> UInt32? {
    store.get(ResourceKey(type: .dataplane, mesh: "default", name: "web"))?.content(Dataplane.self)?
      .networking?.inbound.first?.port
  }

  private func open(
    _ sessions: ProxySessions, _ stream: String, _ introduction: ProxyIntroduction
  ) async throws(SessionRefusal) {
    try await sessions.sessionOpened(Self.session(stream), introduction)
  }

  private func close(_ sessions: ProxySessions, _ stream: String) async {
    await sessions.sessionClosed(Self.session(stream), end: .closedByProxy)
    // Until nothing is under way that this has led to.
    while let proxy = await sessions.registry[ProxyID(mesh: "default", name: "web")],
      proxy.work != nil || proxy.handover != nil
    {
      await Task.yield()
    }
  }

  private static func session(_ stream: String) -> ProxySession {
    ProxySession(id: stream, nodeID: "default.web", authorization: nil, remotePeer: "")
  }

  private func addresses(_ sessions: ProxySessions) async -> [String] {
    DataplaneInsight(subscriptions: await sessions.subscriptions(of: ProxyID(mesh: "default", name: "web")))
      .claims.compactMap(\.peer?.address)
  }

  @Test(
    "Of two proxies of one name the newest one's Dataplane counts, and the first one's again when the second is gone")
  func claims() async throws {
    try await withSessions { sessions in
      try await open(sessions, "1", Self.introduction(Self.document(port: 81)))
      #expect(await addresses(sessions) == [])
      try await open(sessions, "2", Self.introduction(Self.document(port: 82), peer: "ipv6:[::1]:50000"))
      #expect(storedPort() == 82)
      #expect(await addresses(sessions) == ["10.0.0.1:40000", "[::1]:50000"])
      await close(sessions, "2")
      #expect(storedPort() == 81)
      #expect(await addresses(sessions) == [])

      // A third takes over; when the first goes, nothing changes for the third.
      try await open(sessions, "3", Self.introduction(Self.document(port: 83), adminPort: 9902))
      #expect(await addresses(sessions).count == 2)
      await close(sessions, "1")
      #expect(storedPort() == 83)
    }
  }

  @Test("A proxy that rejects everything for ever has a line a minute for each type, and its rejections are counted")
  func rejections() async throws {
    try await withSessions { sessions in
      try await open(sessions, "1", Self.introduction(Self.document(port: 81)))
      for type in [ResourceTypeURL.listener, ResourceTypeURL.cluster, ResourceTypeURL.secret] {
        for _ in 0..<1_000 { sessions.rejected(Self.session("1"), typeURL: type, message: "no") }
      }
      #expect(log.messages.count { $0.contains("rejected") } == 3)
      #expect(log.lines.last?.metadata["unlogged"] == "999")
      #expect(sessions.counts.total.responsesRejected == 2_000)
    }
  }

  @Test("A Dataplane has so many streams and no more, and a place that becomes free is taken again")
  func streams() async throws {
    try await withSessions { sessions in
      let introduction = Self.introduction(Self.document(port: 81))
      let most = ProxyLifecycle.streamsAtMost
      for stream in 1...most { try await open(sessions, "\(stream)", introduction) }
      let refusal = await #expect(throws: SessionRefusal.self) { try await open(sessions, "more", introduction) }
      #expect(refusal?.code == .resourceExhausted)
      #expect(
        refusal?.message
          == "default.web has \(most) streams, the most for one Dataplane; give each proxy a name of its own")
      await close(sessions, "1")
      try await open(sessions, "again", introduction)
    }
  }

  @Test("Sessions end at once when the content of the store was never loaded")
  func endWithoutContent() async throws {
    try await withSessions(hasContent: false) { sessions in
      let hasEnded = Mutex(false)
      let running = Task {
        try await sessions.run()
        hasEnded.withLock { $0 = true }
      }
      running.cancel()
      try await eventually { hasEnded.withLock { $0 } }
    }
  }

  @Test("A Dataplane that a user has written meanwhile stays when the newest of two proxies goes")
  func writtenByUser() async throws {
    try await withSessions { sessions in
      try await open(sessions, "1", Self.introduction(Self.document(port: 81)))
      try await open(sessions, "2", Self.introduction(Self.document(port: 82)))
      let resource = try #require(try ResourceDocument.all(in: Self.document(port: 90)).first?.resource)
      _ = try await store.put(resource)
      await close(sessions, "2")
      #expect(storedPort() == 90)
    }
  }

  @Test("A proxy that comes back before its old stream has ended does not count twice")
  func comesBack() async throws {
    try await withSessions { sessions in
      try await open(sessions, "1", Self.introduction(Self.document(port: 81)))
      try await open(sessions, "2", Self.introduction(Self.document(port: 81), peer: "ipv4:10.0.0.1:40001"))
      #expect(await addresses(sessions) == [])
      await close(sessions, "1")
      #expect(storedPort() == 81)
    }
  }

  @Test("Streams of one name are bounded, and those that last are shown rather than those that are over")
  func bounds() async throws {
    try await withSessions { sessions in
      try await open(sessions, "first", Self.introduction(Self.document(port: 81)))
      for index in 0..<20 {
        let peer = "ipv4:10.0.1.\(index):1"
        try await open(sessions, "\(index)", Self.introduction(Self.document(port: 82), peer: peer))
        if index > 0 { await close(sessions, "\(index)") }
      }
      // What has been written is not kept in memory any more: both together are what the API shows.
      let newest = await sessions.subscriptions(of: ProxyID(mesh: "default", name: "web"))
      let key = ResourceKey(type: .dataplaneInsight, mesh: "default", name: "web")
      let stored = store.get(key)?.content(DataplaneInsight.self) ?? DataplaneInsight()
      let insight = stored.updated(with: newest)
      #expect(insight.subscriptions.count == DataplaneInsight.subscriptionLimit)
      #expect(insight.claims.map(\.peer?.address) == ["10.0.0.1:40000", "10.0.1.0:1"])
      for index in 2..<ProxyLifecycle.streamsAtMost {
        try await open(sessions, "more-\(index)", Self.introduction(Self.document(port: 82)))
      }
      let refusal = await #expect(throws: SessionRefusal.self) {
        try await open(sessions, "last", Self.introduction(Self.document(port: 82)))
      }
      #expect(refusal?.code == .resourceExhausted && refusal?.message.contains("a name of its own") == true)
    }
  }

  @Test("A Dataplane that comes over a stream keeps to the rules of the API")
  func identity() async throws {
    let long = String(repeating: "x", count: 5_000)
    let cases: [(id: String, document: String?, message: String)] = [
      (
        "default.web", Self.document(port: 80, name: "other"),
        "name: name from the proxy's id has to be the same as in body"
      ),
      (
        "default.web", Self.document(port: 80, mesh: "other"),
        "mesh: mesh from the proxy's id has to be the same as in body"
      ),
      ("default.\(long)", nil, "name: value length must less or equal 253"),
      ("default.\(long)", Self.document(port: 80, name: long), "name: value length must less or equal 253"),
      ("default.a/b", nil, "name: invalid characters."),
      ("default.a\nb", nil, "name: invalid characters."),
      ("default.\u{1b}[31m", nil, "name: invalid characters."),
      (
        "default.web", Self.document(port: 80) + "\n---\n" + Self.document(port: 81),
        "exactly one document is required, not 2"
      ),
      ("\u{1b}[31m", nil, #"the node id "\u{1b}[31m" must have the form"#),
    ]
    try await withSessions { sessions in
      for (id, document, message) in cases {
        let refusal = await #expect(throws: SessionRefusal.self) {
          try await open(sessions, "1", Self.introduction(document, of: id))
        }
        let text = refusal?.message ?? ""
        #expect(text.contains(message) && refusal?.code == .invalidArgument)
        #expect(text == text.printable && text.utf8.count < 2_500)
      }
      #expect(store.list(.dataplane, mesh: nil).isEmpty)
      let count = await sessions.registry.count
      #expect(count == 0)
    }
  }

  @Test("A stored name is not checked again, and the proxy's id completes its document")
  func leftInPeace() async throws {
    try await withSessions { sessions in
      let old = try #require(try ResourceDocument.all(in: Self.document(port: 80, name: "old_name")).first?.resource)
      _ = try await store.put(old)
      try await open(
        sessions, "1", Self.introduction(Self.document(port: 81, name: "old_name"), of: "default.old_name"))
      let bare = "type: Dataplane\nnetworking: {address: 127.0.0.1, inbound: [{port: 82, tags: {kuma.io/service: w}}]}"
      try await open(sessions, "2", Self.introduction(bare))
      #expect(storedPort() == 82)
    }
  }

  @Test("A connected proxy has its insight again when its Dataplane comes back, and when the insight was deleted")
  func insightComesBack() async throws {
    let dataplane = ResourceKey(type: .dataplane, mesh: "default", name: "web")
    let insight = ResourceKey(type: .dataplaneInsight, mesh: "default", name: "web")
    try await withSessions { sessions in
      let running = Task { try await sessions.run() }
      defer { running.cancel() }
      let resource = try #require(try ResourceDocument.all(in: Self.document(port: 8080)).first?.resource)
      _ = try await store.put(resource)
      try await open(sessions, "one", Self.introduction(nil))
      try await eventually("the insight is written") { store.get(insight) != nil }
      try store.delete(insight, if: .always)
      try await eventually("the insight is written again") { store.get(insight) != nil }
      try store.delete(dataplane, if: .always)
      try await eventually("the proxy is known to have no Dataplane") {
        await sessions.registry[ProxyID(mesh: "default", name: "web")]?.lacksDataplane == true
      }
      #expect(store.get(insight) == nil)
      _ = try await store.put(resource)
      try await eventually("the insight is there with the Dataplane") {
        store.get(insight)?.content(DataplaneInsight.self)?.subscriptions.count == 1
      }
    }
  }

  @Test("A proxy that has just connected has an insight before the first one is written")
  func newcomer() async throws {
    try await withSessions { sessions in
      let live = LiveInsights(store: store, sessions: sessions)
      let key = ResourceKey(type: .dataplaneInsight, mesh: "default", name: "web")
      let before = try await live.get(key)
      #expect(before == nil)
      try await open(sessions, "1", Self.introduction(Self.document(port: 81)))
      let insight = try await live.get(key)
      #expect(insight?.content(DataplaneInsight.self)?.isOnline == true)
      for mesh in ["default", nil] {
        let listed = try await live.list(.dataplaneInsight, mesh: mesh)
        #expect(listed.map(\.key) == [key])
        #expect(listed.first?.content(DataplaneInsight.self)?.isOnline == true)
      }
      let others = try await live.list(.dataplaneInsight, mesh: "other")
      #expect(others.isEmpty)
    }
  }

  @Test("A rejection message is truncated with a note, and is one line")
  func rejection() async throws {
    try await withSessions { sessions in
      try await open(sessions, "1", Self.introduction(Self.document(port: 81)))
      let reason = "line\nnext \u{1b}[31m" + String(repeating: "x", count: 100_000)
      sessions.rejected(Self.session("1"), typeURL: ResourceTypeURL.listener, message: reason)
      let subscription = await sessions.subscriptions(of: ProxyID(mesh: "default", name: "web")).last
      let stored = try #require(subscription?.status.lastRejection?.message)
      #expect(stored.hasPrefix(#"line next \u{1b}[31mxxx"#))
      #expect(stored.hasSuffix("more bytes)") && stored.utf8.count < 4_200)
    }
  }
}
