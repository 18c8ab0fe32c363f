import LogLimits
package import Logging
import Synchronization

/// Logs why requests and streams are refused, so that an operator sees every kind of reason and an attacker cannot fill the log.
///
/// Each reason is logged at most once a minute, and at most ``linesPerMinute`` lines are logged in a minute. A line tells how many
/// refusals had no line since the last one.
package final class RefusalLog: Sendable {
  /// The largest number of lines in a minute.
  package static let linesPerMinute = 60

  private let server: String
  private let limit = Mutex(LogLimit(lines: RefusalLog.linesPerMinute))

  /// - Parameter server: the name of the server in the lines.
  package init(server: String) { self.server = server }

  /// Logs a refusal, unless its reason was logged in this minute.
  ///
  /// - Parameters:
  ///   - reason: why it is refused. It must contain no secret.
  ///   - operation: what was asked for.
  ///   - caller: the address and name of the client.
  ///   - logger: gets the line.
  ///   - sentence: what has happened.
  package func note(
    _ reason: String, operation: String, caller: Caller, to logger: Logger, at now: ContinuousClock.Instant = .now,
    sentence: String = "the server refused access"
  ) {
    guard let unlogged = limit.withLock({ $0.admit(reason, at: now) }) else { return }
    var metadata: Logger.Metadata = [
      "server": "\(server)", "remote": "\(caller.address ?? "unknown")", "operation": "\(operation)",
      "reason": "\(reason)",
    ]
    if !caller.name.isEmpty { metadata["user"] = "\(caller.name)" }
    if unlogged > 0 { metadata["unlogged"] = "\(unlogged)" }
    logger.warning("\(sentence)", metadata: metadata)
  }
}
