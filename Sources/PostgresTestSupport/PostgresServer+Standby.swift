import Foundation
import ProcessSupervisor

extension PostgresServer {
  /// Makes a standby of this server, at the same port of another address of loopback, and has this server acknowledge a commit only
  /// when the standby has it too: then a failover loses nothing that was acknowledged.
  ///
  /// - Throws: ``Failure`` with what `pg_basebackup` or the server said.
  public func makeStandby(address: String = "127.0.0.2") async throws -> PostgresServer {
    let standby = try PostgresServer(
      isDurable: false, in: folder.deletingLastPathComponent(), at: (address: address, port: port))
    do {
      // The copy comes over the Unix socket, where everybody is trusted, and later changes on the same way.
      let copied = try ChildProcess.start(
        standby.command(
          "pg_basebackup",
          [
            "-D", standby.data, "-h", socketFolder, "-p", "\(port)", "-U", Self.user, "--wal-method=stream",
            "--checkpoint=fast", "--write-recovery-conf", "--no-sync",
          ]))
      guard await copied.exitStatus().isSuccess else {
        throw Failure(description: "pg_basebackup failed:\n\(standby.log)")
      }
      try await standby.start()
      try await query("ALTER SYSTEM SET synchronous_standby_names = '*'", database: "postgres")
      try await query("SELECT pg_reload_conf()", database: "postgres")
    } catch {
      await standby.remove()
      throw error
    }
    return standby
  }

  /// Makes a standby the primary, as a failover does.
  public func promote() async throws { try await query("SELECT pg_promote()", database: "postgres") }
}
