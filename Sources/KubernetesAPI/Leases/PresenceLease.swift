import Backoff
import ConnectionFaults
import Documents
package import Logging
import OrderedCollections
import ServiceLifecycle
import Synchronization

/// Shows others that this process is there, by a Lease of its own, and knows which others are.
///
/// Run it as a service that is shut down last: the Lease is deleted then, and the others know at once.
package final class PresenceLease: Service {
  /// The times of presence.
  package struct Settings: Sendable {
    /// For how long a process counts as there after a renewal, in whole seconds.
    package var validity: Duration = .seconds(40)
    /// How often the Lease is renewed; at most a quarter of the validity.
    package var renewInterval: Duration = .seconds(10)
    /// After how long the leader deletes a Lease that nobody renews.
    package var retention: Duration = .seconds(600)

    package init() {}
  }

  /// The label that such Leases have, so that no other Lease is taken for one.
  package static let label = (key: "app.kubernetes.io/component", value: "kuma-cp-presence")

  /// The name under which this process is known.
  package let identity: String
  private let client: KubernetesClient
  private let namespace: String
  private let settings: Settings
  private let isLeader: @Sendable () -> Bool
  private let logger: Logger
  private let start = ContinuousClock.now
  private let state: Mutex<State>

  private struct State {
    var table: PresenceTable
    /// The Lease as it was written last; `nil` when it has to be read or made first.
    var lease: KubernetesObject?
    /// Why the Leases cannot be written, or read.
    var writing: KubernetesError?
    var reading: KubernetesError?
  }

  /// - Parameters:
  ///   - identity: a name that no other process has, not even an earlier run of this one.
  ///   - isLeader: whether this process is to delete the Leases of processes that are long gone.
  package init(
    client: KubernetesClient, namespace: String, identity: String, settings: Settings = Settings(),
    isLeader: @escaping @Sendable () -> Bool, logger: Logger
  ) {
    var settings = settings
    settings.validity = max(settings.validity, .seconds(1))
    settings.renewInterval = min(max(settings.renewInterval, .milliseconds(100)), settings.validity / 4)
    self.client = client
    self.namespace = namespace
    self.identity = identity
    self.settings = settings
    self.isLeader = isLeader
    self.logger = logger
    state = Mutex(State(table: PresenceTable(identity: identity, validity: settings.validity)))
  }

  /// Which of some processes are there. This one is.
  ///
  /// - Throws: ``KubernetesError`` `unavailable` while that is not known, because this process cannot renew its own Lease or
  ///   not see that it has.
  package func connected(of identities: Set<String>) throws(KubernetesError) -> Set<String> {
    let (present, trouble) = state.withLock { ($0.table.present(at: .now - start), $0.writing ?? $0.reading) }
    guard let present else {
      let reason = trouble.map { ": \($0.message)" } ?? ""
      throw KubernetesError(
        code: .unavailable,
        message: "it is not known yet which control planes are connected to \(client.access.server)\(reason)")
    }
    return present.intersection(identities)
  }

  // MARK: Running

  /// Renews the Lease until the task is cancelled or the service is shut down, and deletes it then.
  package func run() async {
    let replica = KindReplica(client: client, kind: .lease, namespace: namespace, logger: logger) { update in
      self.state.withLock { state in
        if case .trouble(let trouble) = update { state.reading = trouble }
        state.table.take(Self.leasesOfPresence(update), at: .now - self.start)
      }
    }
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await replica.run() }
        group.addTask { await self.renewAgainAndAgain() }
      }
    }
    // A task of its own: this one may have been cancelled.
    await Task { await self.leave() }.value
  }

  private static func leasesOfPresence(_ update: KindReplica.Update) -> KindReplica.Update {
    func ours(_ leases: [KubernetesObject]) -> [KubernetesObject] {
      leases.filter { $0.labels[label.key] == label.value }
    }
    return switch update {
    case .replaced(let leases): .replaced(ours(leases))
    case .changed(let leases): .changed(ours(leases))
    case .deleted, .trouble: update
    }
  }

  private func renewAgainAndAgain() async {
    var schedule = BackoffSchedule(minimum: .milliseconds(500), maximum: settings.renewInterval)
    while !Task.isCancelled {
      var wait = settings.renewInterval * Double.random(in: 0.8...1)
      do throws(KubernetesError) {
        try await renew()
        note(nil)
        schedule.succeeded()
        await deleteAbandoned()
      } catch {
        if Task.isCancelled { return }
        note(error)
        wait = schedule.failed(.random(in: 0...1))
      }
      try? await Task.sleep(for: wait)
    }
  }

  private func note(_ trouble: KubernetesError?) {
    state.withLock { state in
      switch (state.writing, trouble) {
      case (let old, let new?) where old?.message != new.message:
        logger.warning(
          "Others cannot see that this instance is connected; trying again", metadata: ["error": "\(new.message)"])
      case (.some, nil): logger.info("Others can see again that this instance is connected")
      default: break
      }
      state.writing = trouble
    }
  }

  private func renew() async throws(KubernetesError) {
    if let known = state.withLock({ $0.lease }) {
      do throws(KubernetesError) {
        return keep(try await client.replace(.lease, renewed(known)))
      } catch {
        state.withLock { $0.lease = nil }
        guard error.code == .conflict || error.code == .notFound else { throw error }
      }
    }
    do throws(KubernetesError) {
      let known = try await client.get(.lease, namespace: namespace, name: name)
      keep(try await client.replace(.lease, renewed(known)))
    } catch  where error.code == .notFound {
      keep(try await client.create(.lease, renewed(KubernetesObject(.lease, namespace: namespace, name: name))))
    }
  }

  private func keep(_ lease: KubernetesObject) { state.withLock { $0.lease = lease } }

  private func renewed(_ lease: KubernetesObject) -> KubernetesObject {
    var record = LeaseRecord(lease)
    let now = Timestamp.now.microseconds
    if record.holder != identity { (record.holder, record.acquireTime) = (identity, now) }
    let whole = settings.validity.components
    record.seconds = whole.seconds + (whole.attoseconds > 0 ? 1 : 0)
    record.renewTime = now
    var lease = record.written(to: lease)
    var labels = lease.metadata["labels"]?.object ?? [:]
    labels[Self.label.key] = .string(Self.label.value)
    lease.metadata["labels"] = .object(labels)
    return lease
  }

  /// The name of the Lease: the identity, as far as the rules for names allow it.
  private var name: String {
    var text = "kuma-cp-"
    for byte in identity.lowercased().utf8.prefix(240) {
      let isAllowed = (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
      text.unicodeScalars.append(isAllowed ? Unicode.Scalar(byte) : "-")
    }
    return text.hasSuffix("-") ? text + "0" : text
  }

  /// Deletes the Leases of processes that are long gone, if that is the duty of this one. One that is renewed meanwhile
  /// stays.
  private func deleteAbandoned() async {
    guard isLeader() else { return }
    for lease in state.withLock({ $0.table.abandoned(for: settings.retention) }) {
      do throws(KubernetesError) {
        try await client.delete(
          .lease, namespace: namespace, name: lease.name, uid: lease.uid, resourceVersion: lease.resourceVersion)
        logger.info("The lease of an instance that is gone was deleted", metadata: ["lease": "\(lease.name)"])
      } catch {
        guard error.code != .notFound, error.code != .conflict else { continue }
        logger.warning(
          "The lease of an instance that is gone cannot be deleted", metadata: ["error": "\(error.message)"])
        return
      }
    }
  }

  private func leave() async {
    guard let lease = state.withLock({ $0.lease }) else { return }
    let (client, namespace) = (client, namespace)
    do {
      // The end must not wait for an API server that does not answer.
      try await within(.seconds(3)) {
        try await client.delete(.lease, namespace: namespace, name: lease.name, uid: lease.uid)
      }
    } catch {
      logger.debug("The lease of this instance was not deleted", metadata: ["error": "\(error)"])
    }
  }
}
