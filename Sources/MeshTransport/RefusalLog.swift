import Logging
import MeshModel
import Synchronization

/// The log of proxies that were refused. An Envoy tries again for ever, so the same refusal of the same proxy is logged at most
/// once a minute; and no more than ``linesPerMinute`` lines a minute are written, whatever peers call themselves.
final class RefusalLog: Sendable {
  private struct State {
    /// When the present minute began.
    var start = ContinuousClock.now
    /// What was logged in it.
    var logged: Set<String> = []
    /// What was not logged because there was too much.
    var omitted = 0
  }

  private static let linesPerMinute = 600

  private let logger: Logger
  private let state = Mutex(State())

  init(_ logger: Logger) { self.logger = logger }

  /// Logs a refusal.
  ///
  /// - Parameters:
  ///   - proxy: which proxy the peer says to be.
  ///   - peer: its address, if that is known.
  func note(_ message: Logger.Message, proxy: String, peer: String? = nil, reason: String) {
    var metadata: Logger.Metadata = [
      "proxy": "\(proxy.printable(atMost: 100))", "reason": "\(reason.printable(atMost: 1_000))",
    ]
    guard let omitted = register("\(message) \(metadata)") else { return }
    if let peer { metadata["peer"] = "\(peer)" }
    if omitted > 0 { metadata["omitted"] = "\(omitted)" }
    logger.warning(message, metadata: metadata)
  }

  /// Decides on a line.
  ///
  /// - Returns: how many lines were omitted in the minute before; `nil` if this one is omitted too.
  private func register(_ line: String) -> Int? {
    state.withLock { state in
      let now = ContinuousClock.now
      var before = 0
      if state.start.duration(to: now) >= .seconds(60) {
        before = state.omitted
        state = State()
      }
      guard !state.logged.contains(line) else { return nil }
      guard state.logged.count < Self.linesPerMinute else {
        state.omitted += 1
        return nil
      }
      state.logged.insert(line)
      return before
    }
  }
}
