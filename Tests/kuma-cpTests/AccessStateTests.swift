import Documents
import Foundation
import MeshAccess
import MeshModel
import MeshStore
import Synchronization
import TestSupport
import Testing

@testable import kuma_cp

@Suite("The keys of a control plane", .timeLimit(.minutes(15)))
struct AccessStateTests {
  private let folder: TemporaryFolder
  private let store: any ResourceStore = MemoryStore()
  private let log = LogRecorder()

  init() throws { folder = try TemporaryFolder() }

  private var tokenFile: String { folder.file("admin-user-token") }

  private func state(_ plan: AccessKeyPlan = AccessKeyPlan()) -> AccessState {
    AccessState(
      store: store, validation: TokenValidation(), plan: plan, adminTokenFile: tokenFile, logger: log.logger())
  }

  /// Runs states until the test is done.
  private func running(_ states: [AccessState], _ body: () async throws -> Void) async throws {
    let tasks = states.map { state in Task { try await state.run() } }
    defer { for task in tasks { task.cancel() } }
    try await body()
  }

  private func add(_ mesh: String) async throws { _ = try await store.put(Resource(name: mesh, spec: .mesh(Mesh()))) }

  @Test("are made where they are missing, for meshes that come later too, and the administrator's token is told")
  func made() async throws {
    try await add("default")
    let state = state()
    try await running([state]) {
      try await eventually("the keys") {
        state.keys.newestSigningKey(mesh: "") != nil && state.keys.newestSigningKey(mesh: "default") != nil
          && state.keys.newestIngestToken(mesh: "default") != nil
      }
      let token = try await eventually("the token of the administrator") {
        try? String(contentsOfFile: tokenFile, encoding: .utf8)
      }
      let user = try state.keys.verifyUserToken(token, now: .now).get().user
      #expect(user == .admin)
      let attributes = try FileManager.default.attributesOfItem(atPath: tokenFile)
      #expect(attributes[.posixPermissions] as? Int == 0o600)

      try await add("shop")
      try await eventually("the keys of the other mesh") {
        state.keys.newestSigningKey(mesh: "shop") != nil && state.keys.newestIngestToken(mesh: "shop") != nil
      }
      #expect(state.keys.newestIngestToken(mesh: "shop") != state.keys.newestIngestToken(mesh: "default"))
    }
    let names = try await (store.list(.secret, mesh: nil) + store.list(.globalSecret, mesh: nil)).map(\.key.description)
    #expect(
      names == [
        "Secret default/dataplane-token-signing-key-default-1", "Secret default/trace-ingest-token-default-1",
        "Secret shop/dataplane-token-signing-key-shop-1", "Secret shop/trace-ingest-token-shop-1",
        "GlobalSecret admin-user-token", "GlobalSecret user-token-signing-key-1",
      ])
    let secrets = try await (store.list(.secret, mesh: nil) + store.list(.globalSecret, mesh: nil)).compactMap(
      \.secretData)
    for line in log.lines {
      for secret in secrets { #expect(!"\(line)".contains(String(decoding: secret, as: UTF8.self))) }
    }
  }

  @Test("make the control plane ready when the administrator's token is in its file, not before")
  func readiness() async throws {
    try await add("default")
    let state = state()
    try await state.load()
    #expect(state.isReady && !state.isComplete, "tokens count at once")
    try await running([state]) {
      try await eventually("readiness") { state.isComplete }
      let token = try String(contentsOfFile: tokenFile, encoding: .utf8)
      #expect(try state.keys.verifyUserToken(token, now: .now).get().user == .admin)
    }
  }

  @Test("that cannot be used or are not wanted do not keep the control plane from being ready")
  func readinessWithoutToken() async throws {
    let plain = self.state(AccessKeyPlan(makesAdminToken: false, makesDataplaneKeys: false))
    try await running([plain]) { try await eventually("readiness") { plain.isComplete } }
    _ = try await store.put(.globalSecret(name: "user-token-signing-key-1", data: Array("no key".utf8)))
    let state = state()
    try await running([state]) { try await eventually("readiness") { state.isComplete } }
    #expect(!FileManager.default.fileExists(atPath: tokenFile))
  }

  @Test("are made once by several control planes of one store")
  func several() async throws {
    try await add("default")
    let states = (0..<3).map { _ in state() }
    try await running(states) {
      for state in states {
        try await eventually("the keys") {
          state.keys.newestSigningKey(mesh: "default") != nil && state.keys.newestIngestToken(mesh: "default") != nil
        }
      }
      let admin = try await eventually("the token of the administrator") {
        try await store.get(.adminToken)?.secretData.map { String(decoding: $0, as: UTF8.self) }
      }
      for state in states {
        try await eventually("a valid token") { (try? state.keys.verifyUserToken(admin, now: .now).get()) != nil }
        #expect(state.keys.newestIngestToken(mesh: "default") == states[0].keys.newestIngestToken(mesh: "default"))
      }
    }
  }

  @Test("that are there already are kept, and none is made that the settings do not ask for")
  func kept() async throws {
    try await add("default")
    let text = "a-token-of-another-control-plane"
    _ = try await store.put(.secret(mesh: "default", name: "trace-ingest-token-default-7", data: Array(text.utf8)))
    let plan = AccessKeyPlan(makesAdminToken: false, makesDataplaneKeys: false)
    let state = state(plan)
    try await running([state]) {
      try await eventually("the token") { state.keys.newestIngestToken(mesh: "default") == text }
      // A mesh of which something is missing shows that the plan was carried out.
      try await add("shop")
      try await eventually("the other token") { state.keys.newestIngestToken(mesh: "shop") != nil }
    }
    #expect(try await store.list(.secret, mesh: "default").map(\.name) == ["trace-ingest-token-default-7"])
    #expect(try await store.list(.globalSecret, mesh: nil).isEmpty)
    #expect(!FileManager.default.fileExists(atPath: tokenFile))
  }

  @Test("count from the change on, are gone with their secrets and their mesh, and every change is told")
  func changes() async throws {
    try await add("default")
    let plan = AccessKeyPlan.none
    let state = state(plan)
    #expect(!state.isReady)
    try await state.load()
    #expect(state.isReady)
    let told = Mutex(0)
    let stream = state.changes()
    let counter = Task { for await _ in stream { told.withLock { $0 += 1 } } }
    defer { counter.cancel() }
    try await eventually("the first element") { told.withLock { $0 } >= 1 }
    try await running([state]) {
      let (one, two) = ("token-number-one-of-default", "token-number-two-of-default")
      _ = try await store.put(.secret(mesh: "default", name: "trace-ingest-token-default-1", data: Array(one.utf8)))
      try await eventually("the token") { state.keys.verifyIngestToken(one) == "default" }
      _ = try await store.put(.secret(mesh: "default", name: "trace-ingest-token-default-2", data: Array(two.utf8)))
      try await eventually("the newer token") { state.keys.newestIngestToken(mesh: "default") == two }
      #expect(state.keys.verifyIngestToken(one) == "default")
      try await store.delete(ResourceKey(type: .secret, mesh: "default", name: "trace-ingest-token-default-1"))
      try await eventually("the end of the older token") { state.keys.verifyIngestToken(one) == nil }
      #expect(state.keys.verifyIngestToken(two) == "default")
      try await store.delete(ResourceKey(type: .mesh, name: "default"))
      try await eventually("the end of the mesh") { state.keys.verifyIngestToken(two) == nil }
      try await eventually("the changes") { told.withLock { $0 } >= 2 }
    }
  }

  @Test("that cannot be read are named in the log without their content")
  func unreadable() async throws {
    try await add("default")
    _ = try await store.put(.globalSecret(name: "user-token-signing-key-1", data: Array("no key at all".utf8)))
    let state = state(
      AccessKeyPlan.none)
    try await state.load()
    let line = try #require(log.lines.first { $0.message == "a secret cannot be used to check tokens" })
    #expect(line.metadata["secret"] == "user-token-signing-key-1")
    #expect(!log.lines.contains { "\($0)".contains("no key at all") })
  }

  @Test("that sign tokens are made when the first token is asked for, once")
  func prepared() async throws {
    try await add("default")
    let state = state(.none)
    try await running([state]) {
      await withDiscardingTaskGroup { group in
        for mesh in ["", "default", "", "default"] {
          group.addTask { await #expect(throws: Never.self) { try await state.prepareKey(mesh: mesh) } }
        }
      }
      for mesh in ["", "default"] { #expect(state.keys.newestSigningKey(mesh: mesh)?.id == "1") }
      // No mesh, no key: nobody waits for it, and it is made when there is one.
      try await state.prepareKey(mesh: "later")
      #expect(state.keys.newestSigningKey(mesh: "later") == nil)
      try await add("later")
      try await eventually("the key of the new mesh") {
        try await state.prepareKey(mesh: "later")
        return state.keys.newestSigningKey(mesh: "later") != nil
      }
    }
  }
}

extension AccessKeyPlan {
  fileprivate static let none = AccessKeyPlan(
    makesAdminToken: false, makesIngestTokens: false, makesDataplaneKeys: false)
}
