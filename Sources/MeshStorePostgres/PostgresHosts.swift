import Synchronization

/// The hosts of a database, in the order in which both threads of a store try them.
///
/// libpq would try them in turn, but spends all the time on one that does not answer: after a failover, that is the old primary,
/// whose machine is gone. So each attempt has its share of the time, and the host of a connection that was lost is tried last.
final class PostgresHosts: Sendable {
  private let hosts: [PostgresConfiguration]
  /// The host that is tried first.
  private let first = Mutex(0)

  init(_ configuration: PostgresConfiguration) { hosts = configuration.perHost }

  /// Connects to the first host that accepts writes.
  ///
  /// - Parameters:
  ///   - signal: wakes the thread so that it checks `isClosing`.
  ///   - isClosing: whether to give up.
  /// - Throws: ``PostgresFailure`` `unreachable` with what each host said, `closing`, or `unusable`.
  func open(or signal: WakeSignal, isClosing: () -> Bool) throws(PostgresFailure) -> Connection {
    var failures: [String] = []
    for index in order {
      do throws(PostgresFailure) {
        let connection = try Connection.open(hosts[index], or: signal, isClosing: isClosing)
        connection.host = index
        first.withLock { $0 = index }
        return connection
      } catch {
        guard hosts.count > 1, error.kind != .closing, error.kind != .unusable else { throw error }
        failures.append("\(hosts[index].host): \(error.message)")
      }
    }
    throw PostgresFailure(.unreachable, failures.joined(separator: "; "))
  }

  /// The indices of the hosts in the order in which they are tried now.
  var order: [Int] {
    let first = first.withLock { $0 }
    return hosts.indices.map { ($0 + first) % hosts.count }
  }

  /// A connection was lost: the other hosts are tried before its own, unless they are already.
  func lost(_ connection: Connection) {
    first.withLock { if $0 == connection.host { $0 = (connection.host + 1) % hosts.count } }
  }
}
