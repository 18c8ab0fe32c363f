import Foundation
import ProcessSupervisor
import Synchronization

/// A real PgBouncer of a test's own before a ``PostgresServer``, at a free port of 127.0.0.1, for every database and
/// without a password. It ends with the process that started it.
public final class PgBouncer: Sendable {
  /// It cannot be used.
  public struct Failure: Error, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String
  }

  /// The port at 127.0.0.1.
  public let port: Int
  private let process: ChildProcess

  /// Starts one and waits until it takes connections.
  ///
  /// - Parameters:
  ///   - mode: its `pool_mode`.
  ///   - settings: further settings, as lines of its file.
  /// - Throws: ``Failure``, saying what to install or what PgBouncer said.
  public static func start(
    before server: PostgresServer, mode: String, settings: [String] = []
  ) async throws -> PgBouncer {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    let programs = (folders + ["/usr/sbin"]).map { "\($0)/pgbouncer" }
    guard let program = programs.first(where: FileManager.default.isExecutableFile) else {
      throw Failure(description: "there is no PgBouncer; install Debian's package pgbouncer (Scripts/setup does)")
    }
    var ports = FreePorts()
    let port = try ports.take()
    let file = "\(server.socketFolder)/pgbouncer-\(port).ini"
    let lines = [
      "[databases]", "* = host=\(server.socketFolder) port=\(server.port) user=\(PostgresServer.user)", "[pgbouncer]",
      "listen_addr = 127.0.0.1", "listen_port = \(port)", "unix_socket_dir =", "auth_type = any", "pool_mode = \(mode)",
    ]
    try Data((lines + settings).joined(separator: "\n").utf8).write(to: URL(filePath: file))
    let said = Said()
    let process = try ChildProcess.start(
      server.ownersCommand(program, [file]) { line in said.lines.withLock { $0.append(line) } })
    let deadline = ContinuousClock.now + .seconds(60)
    while !said.contains("process up") {
      guard process.currentExitStatus == nil, .now < deadline else {
        _ = await process.end(within: .seconds(5))
        throw Failure(description: "PgBouncer did not start:\n\(said.lines.withLock { $0.joined(separator: "\n") })")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return PgBouncer(port: port, process: process)
  }

  private final class Said: Sendable {
    let lines = Mutex<[String]>([])
    func contains(_ words: String) -> Bool { lines.withLock { $0.contains { $0.contains(words) } } }
  }

  private init(port: Int, process: ChildProcess) {
    self.port = port
    self.process = process
  }

  /// Ends it.
  public func stop() async { _ = await process.end(within: .seconds(10)) }
}
