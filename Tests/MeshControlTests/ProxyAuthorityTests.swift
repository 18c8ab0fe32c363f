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

/// Why streams were ended by the control plane.
private final class Ends: Sendable {
  private let state = Mutex<[String: SessionRefusal]>([:])

  subscript(stream: String) -> SessionRefusal? { state.withLock { $0[stream] } }

  func note(_ stream: String, _ refusal: SessionRefusal) { state.withLock { $0[stream] = refusal } }
}

/// What a proxy may do to Dataplanes, and when its stream ends, by the token that it shows.
@Suite("Authority of proxies")
struct ProxyAuthorityTests {
  private let store = MemoryStore()
  private let logger = Logger(label: "test")
  private let tokens = ProofTable([
    "web": Self.authority("web"), "other web": Self.authority("web"), "bank": Self.authority("bank"),
    "pod": Self.pod,
  ])
  private let ends = Ends()

  /// The authority over all Dataplanes of a service.
  private static func authority(_ service: String) -> ProxyAuthority {
    var authority = ProxyAuthority { dataplane in
      dataplane.content(Dataplane.self)?.identifyingService == service ? nil : "it is not of the service \(service)"
    }
    authority.needsDataplane = true
    return authority
  }

  private static let pod = {
    var authority = ProxyAuthority.unlimited
    authority.bringsDataplane = false
    return authority
  }()

  private func withSessions(_ body: (ProxySessions) async throws -> Void) async throws {
    _ = try await store.put(Resource(name: "default", spec: Mesh().spec))
    let reconciler = Reconciler(
      store: store, translator: EnvoyTranslator(), cache: SnapshotCache(),
      resolver: AddressResolver(logger: logger) { $1(nil) }, logger: logger)
    let sessions = ProxySessions(
      store: store, shared: nil, reconciler: reconciler, authenticator: tokens, instance: "cp", zone: "",
      removalDelay: .zero, logger: logger)
    let running = [Task { try await reconciler.run() }, Task { try await sessions.run() }]
    defer { for task in running { task.cancel() } }
    try await body(sessions)
  }

  private static func document(_ service: String, port: Int = 80) -> String {
    """
    {type: Dataplane, mesh: default, name: web, networking: {address: 127.0.0.1,
     inbound: [{port: \(port), tags: {kuma.io/service: \(service)}}]}}
    """
  }

  /// Opens a stream as the proxy `web`.
  ///
  /// - Returns: why it was refused; `nil` if it is open.
  private func open(
    _ sessions: ProxySessions, _ stream: String, token: String?, _ document: String?
  ) async -> SessionRefusal? {
    do throws(SessionRefusal) {
      try await sessions.sessionOpened(
        session(stream, token),
        ProxyIntroduction(
          nodeID: "default.web", dataplane: document, version: .init(kumaDp: "", envoy: ""),
          address: ProxyAddress(remotePeer: "ipv4:10.0.0.1:40000", adminPort: 9901)))
      return nil
    } catch {
      return error
    }
  }

  private func close(_ sessions: ProxySessions, _ stream: String) async {
    await sessions.sessionClosed(session(stream, nil), end: .closedByProxy)
  }

  private func session(_ stream: String, _ token: String?) -> ProxySession {
    ProxySession(id: stream, nodeID: "default.web", authorization: token, remotePeer: "") { [ends] refusal in
      ends.note(stream, refusal)
    }
  }

  private var stored: Resource? { store.get(ResourceKey(type: .dataplane, mesh: "default", name: "web")) }
  private var storedService: String? { stored?.content(Dataplane.self)?.identifyingService }

  private func putAsUser(_ service: String) async throws {
    let resource = try #require(try ResourceDocument.all(in: Self.document(service)).first?.resource)
    _ = try await store.put(resource)
  }

  @Test("Without a token that is known, nothing is stored, and the reason is for the log alone")
  func strangers() async throws {
    try await withSessions { sessions in
      for token in [nil, "", "nonsense"] {
        let refusal = try #require(await open(sessions, "1", token: token, Self.document("web")))
        #expect(refusal.code == .unauthenticated)
        #expect(refusal.reason.contains("is not in the table") && !refusal.message.contains("table"))
      }
      #expect(stored == nil)
    }
  }

  @Test("A proxy brings only what its token is for, and a pod's proxy brings nothing")
  func brought() async throws {
    try await withSessions { sessions in
      let refusal = try #require(await open(sessions, "1", token: "bank", Self.document("web")))
      #expect(refusal.code == .unauthenticated && refusal.reason.contains("it is not of the service bank"))
      #expect(!refusal.message.contains("bank"))
      #expect(await open(sessions, "2", token: "pod", Self.document("web")) == .ofBroughtDataplane)
      #expect(stored == nil)
      #expect(await open(sessions, "3", token: "web", Self.document("web")) == nil)
      #expect(storedService == "web")
    }
  }

  @Test("A Dataplane that a user wrote is neither replaced nor removed by a proxy that may not speak for it")
  func writtenByUser() async throws {
    try await withSessions { sessions in
      try await putAsUser("bank")
      let refusal = try #require(await open(sessions, "1", token: "web", Self.document("web")))
      #expect(refusal.code == .permissionDenied && refusal.reason.contains("it is not of the service web"))
      #expect(refusal.message == "you are trying to override existing proxy to which you don't have an access.")
      let silent = try #require(await open(sessions, "2", token: "web", nil))
      #expect(silent.code == .unauthenticated && !silent.message.contains("service"))
      #expect(storedService == "bank")
      #expect(await open(sessions, "3", token: "bank", nil) == nil)
    }
  }

  @Test("A Dataplane of another token's proxy stays, whether that is connected or gone")
  func registeredByAnother() async throws {
    try await withSessions { sessions in
      #expect(await open(sessions, "1", token: "bank", Self.document("bank")) == nil)
      #expect(await open(sessions, "2", token: "web", Self.document("web"))?.code == .permissionDenied)
      #expect(storedService == "bank")
      // Two tokens for the same: the newest proxy's Dataplane counts, as without tokens.
      await close(sessions, "1")
      try await eventually("the removal") { storedService == nil }
      #expect(await open(sessions, "3", token: "web", Self.document("web", port: 81)) == nil)
      #expect(await open(sessions, "4", token: "other web", Self.document("web", port: 82)) == nil)
      #expect(stored?.content(Dataplane.self)?.networking?.inbound.first?.port == 82)
    }
  }

  @Test("A stream ends when its Dataplane becomes another one, and does not take that along")
  func changed() async throws {
    try await withSessions { sessions in
      #expect(await open(sessions, "1", token: "web", Self.document("web")) == nil)
      // The user has kept the label by which Dataplanes go with their proxies.
      var dataplane = try #require(try ResourceDocument.all(in: Self.document("bank")).first?.resource)
      dataplane.labels = stored?.labels ?? [:]
      _ = try await store.put(dataplane)
      try await eventually("the end of the stream") { ends["1"] != nil }
      let end = try #require(ends["1"])
      #expect(end.code == .unauthenticated && end.reason.contains("it is not of the service web"))
      await close(sessions, "1")
      try await eventually("the decision about the Dataplane") {
        let proxy = await sessions.registry[ProxyID(mesh: "default", name: "web")]
        return proxy?.work == nil && proxy?.leave == nil && proxy?.removal == nil
      }
      #expect(storedService == "bank")
    }
  }

  @Test("A token that is revoked ends its streams at once, and opens no other")
  func revoked() async throws {
    try await withSessions { sessions in
      #expect(await open(sessions, "1", token: "web", Self.document("web")) == nil)
      #expect(await open(sessions, "2", token: "other web", Self.document("web")) == nil)
      tokens.revoke("web")
      try await eventually("the end of the stream") { ends["1"] != nil }
      #expect(ends["1"]?.reason == "authentication failed: the token is revoked")
      #expect(ends["2"] == nil)
      #expect(await open(sessions, "3", token: "web", Self.document("web"))?.code == .unauthenticated)
    }
  }

  @Test("A token for certain tags opens nothing before there is a Dataplane")
  func missing() async throws {
    try await withSessions { sessions in
      let refusal = try #require(await open(sessions, "1", token: "web", nil))
      #expect(refusal.code == .unavailable)
      #expect(
        refusal.message
          == "resource \"default.web\" not found; create a Dataplane in Kuma CP first or pass it as an argument to kuma-dp"
      )
      try await putAsUser("web")
      #expect(await open(sessions, "2", token: "web", nil) == nil)
    }
  }
}
