import Foundation
import HTTPService
import Logging
import MeshAccess
import MeshModel
import MeshStore
import Notifications
import ProgramSettings
import ServiceLifecycle
import Synchronization
import SystemErrors

/// The keys with which tokens are checked, in memory: it follows the secrets of the store, and makes what is missing.
final class AccessState: Service {
  private struct State {
    var keys: KeyRing
    var meshes: Set<String> = []
    /// The token of the administrator, as the store has it.
    var adminToken: [UInt8]?
    /// The secrets that are known.
    var secrets: Set<ResourceKey> = []
    /// What this control plane has made, or found made by another one, until it is deleted.
    var made: Set<ResourceKey> = []
    var isReady = false
    /// Whether the token of the administrator is there, or cannot be made now.
    var hasTriedAdminToken = false

    func knows(_ mesh: String) -> Bool { mesh.isEmpty || meshes.contains(mesh) }
  }

  private let store: any ResourceStore
  private let validation: TokenValidation
  private let plan: AccessKeyPlan
  private let adminTokenFile: String?
  /// Keys are made one at a time.
  private let turns = FairTurns(1)
  private let logger: Logger
  private let news = Broadcast<Void>()
  private let state: Mutex<State>

  /// Makes a state that knows no key yet.
  ///
  /// - Parameters:
  ///   - validation: public keys of the settings.
  ///   - plan: what is made where it is missing.
  ///   - adminTokenFile: the file that gets the token of the administrator; nil for none.
  init(
    store: any ResourceStore, validation: TokenValidation, plan: AccessKeyPlan, adminTokenFile: String?, logger: Logger
  ) {
    self.store = store
    self.validation = validation
    self.plan = plan
    self.adminTokenFile = adminTokenFile
    self.logger = logger
    state = Mutex(State(keys: KeyRing(validation), hasTriedAdminToken: !plan.makesAdminToken))
  }

  /// Makes the state that the settings ask for.
  ///
  /// - Parameter directory: the folder that gets a file with the administrator's token; nil in a cluster, where a Secret is enough.
  convenience init(
    _ configuration: ControlPlaneConfiguration, store: any ResourceStore, in directory: URL?, logger: Logger
  ) {
    let access = configuration.access
    var plan = AccessKeyPlan()
    plan.makesAdminToken = access.issuesUserTokens && access.makesAdminToken
    // Elsewhere the key of a mesh is made when the first token is asked for.
    plan.makesDataplaneKeys = configuration.proxyAuthentication == .dpToken && configuration.issuesDataplaneTokens
    let file = directory?.appending(path: SecretName.adminUserToken).path(percentEncoded: false)
    self.init(
      store: store, validation: configuration.tokenValidation, plan: plan, adminTokenFile: file, logger: logger)
  }

  /// Issues tokens over the API, as the settings say.
  func issuer(_ configuration: ControlPlaneConfiguration) -> TokenIssuer {
    TokenIssuer(
      issuesDataplaneTokens: configuration.issuesDataplaneTokens,
      issuesUserTokens: configuration.access.issuesUserTokens, keys: { [self] in keys },
      prepare: { [self] mesh throws(TokenIssueError) in try await prepareKey(mesh: mesh) })
  }

  /// The keys at this moment. A check with them needs no waiting.
  var keys: KeyRing { state.withLock { $0.keys } }

  /// Whether the secrets of the store are known, so that tokens can be checked.
  var isReady: Bool { state.withLock { $0.isReady } }

  /// Whether the secrets are known, and nobody has to wait any more for the token of the administrator.
  ///
  /// A control plane that cannot make it is complete, too: it serves those who have a token.
  var isComplete: Bool { state.withLock { $0.isReady && $0.hasTriedAdminToken } }

  /// An element when the secrets are known, and after each change of ``keys``. A slow subscriber gets one for several changes.
  func changes() -> AsyncStream<Void> {
    state.withLock { state in news.stream(first: state.isReady ? () : nil) }
  }

  /// Reads the secrets once, before the servers listen: nobody who shows a valid token is refused because the control plane has just
  /// started.
  func load() async throws(StoreError) {
    let meshes = try await store.list(.mesh, mesh: nil)
    let secrets = try await store.list(.secret, mesh: nil) + store.list(.globalSecret, mesh: nil)
    apply(ChangeSet(isWholeState: true, written: meshes + secrets, deleted: []))
  }

  func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      await withDiscardingTaskGroup { group in
        group.addTask { [self] in
          for await changes in store.changes() { apply(changes) }
        }
        // Apart from the other task, because a key takes a tenth of a second: the keys of others count at once.
        group.addTask { [self] in await makeMissing() }
      }
    }
    // A service that ends ends all others.
    try? await gracefulShutdown()
  }

  /// Takes over a change of the store.
  ///
  /// - Returns: whether it concerns access.
  @discardableResult
  private func apply(_ changes: ChangeSet) -> Bool {
    let written = changes.written.filter { $0.type.isSecret || $0.type == .mesh }
    let deleted = changes.deleted.filter { $0.type.isSecret || $0.type == .mesh }
    guard changes.isWholeState || !written.isEmpty || !deleted.isEmpty else { return false }
    var faults: [(secret: ResourceKey, fault: KeyFault)] = []
    state.withLock { state in
      var keys = changes.isWholeState ? KeyRing(validation) : state.keys
      if changes.isWholeState { (state.meshes, state.adminToken, state.secrets, state.made) = ([], nil, [], []) }
      for key in deleted {
        state.made.remove(key)
        state.secrets.remove(key)
        if key.type == .mesh { state.meshes.remove(key.name) } else { keys.remove(secret: key.name, mesh: key.mesh) }
      }
      for resource in written {
        guard let data = resource.secretData else {
          if state.meshes.insert(resource.name).inserted {
            state.made = state.made.filter { $0.mesh != resource.name }
          }
          continue
        }
        state.secrets.insert(resource.key)
        if resource.key == .adminToken { state.adminToken = data }
        if let fault = keys.add(secret: resource.name, mesh: resource.mesh, data: data) {
          faults.append((resource.key, fault))
        }
      }
      state.keys = keys
      state.isReady = true
    }
    news.send()
    for (secret, fault) in faults {
      logger.warning(
        "a secret cannot be used to check tokens",
        metadata: ["secret": "\(secret.name)", "mesh": "\(secret.mesh)", "error": "\(fault)"])
    }
    return true
  }

  // MARK: What is missing

  private func makeMissing() async {
    var adminToken = plan.makesAdminToken
    for await _ in changes() {
      while true {
        // Made once: who deletes it wants it gone.
        if adminToken, let token = state.withLock({ $0.adminToken }) {
          adminToken = false
          tellAdminToken(token)
          state.withLock { $0.hasTriedAdminToken = true }
        }
        guard let next = next(adminToken: adminToken) else {
          state.withLock { state in
            // If no change with it is on its way, the key that signs it is there, but cannot be used.
            let isStuck = state.adminToken == nil && state.made.isSubset(of: state.secrets)
            if isStuck { state.hasTriedAdminToken = true }
          }
          break
        }
        await tryUntilDone {
          try await make(next)
        } failed: { error in
          state.withLock { $0.hasTriedAdminToken = true }
          logger.warning(
            "a key cannot be made yet; it is tried again", metadata: ["secret": "\(next.key)", "error": "\(error)"])
        }
        guard !Task.isCancelled else { return }
      }
    }
  }

  private func next(adminToken: Bool) -> MissingKey? {
    state.withLock { state in
      let missing = plan.missing(
        keys: state.keys, meshes: state.meshes, hasAdminToken: !adminToken || state.adminToken != nil)
      return missing.first { !state.made.contains($0.key) }
    }
  }

  /// Makes a key, unless another control plane has made it.
  private func make(_ missing: MissingKey) async throws {
    let data = try await missing.data(keys: keys)
    do throws(StoreError) {
      _ = try await store.put(missing.resource(data), if: .absent)
      logger.info("a key was made", metadata: ["secret": "\(missing.key)"])
    } catch {
      guard error.code == .conflict || error.code == .meshNotFound else { throw error }
    }
    state.withLock { _ = $0.made.insert(missing.key) }
  }

  /// Makes the key that signs tokens, if there is none, and waits until it is in ``keys``.
  ///
  /// - Parameter mesh: the mesh of proxies; empty for users.
  func prepareKey(mesh: String) async throws(TokenIssueError) {
    guard keys.newestSigningKey(mesh: mesh) == nil else { return }
    let missing = mesh.isEmpty ? MissingKey.userKey : .dataplaneKey(mesh: mesh)
    let failure = await turns.run { () async -> TokenIssueError? in
      guard keys.newestSigningKey(mesh: mesh) == nil else { return nil }
      do {
        try await make(missing)
        return nil
      } catch {
        return .failed("the key could not be made: \(error)")
      }
    }
    if let failure { throw failure }
    let changes = changes()
    _ = await withDeadline(.seconds(10)) { [self] in
      for await _ in changes where state.withLock({ $0.secrets.contains(missing.key) || !$0.knows(mesh) }) { break }
    }
  }

  private func tellAdminToken(_ token: [UInt8]) {
    let name = "GlobalSecret \(SecretName.adminUserToken)"
    guard let adminTokenFile else {
      logger.info("the token of the administrator is in the store", metadata: ["secret": "\(name)"])
      return
    }
    switch FileAccess.write(token, to: adminTokenFile) {
    case .success:
      logger.info(
        "the token of the administrator is in a file", metadata: ["file": "\(adminTokenFile)", "secret": "\(name)"])
    case .failure(let failure):
      logger.warning(
        "the token of the administrator could not be written to its file",
        metadata: ["file": "\(adminTokenFile)", "error": "\(failure)"])
    }
  }
}
