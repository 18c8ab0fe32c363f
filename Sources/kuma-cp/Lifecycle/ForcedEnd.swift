import Dispatch
import Glibc
import Logging
import MeshModel
import ProgramSettings
import Synchronization

/// Asks the program to end at the first SIGTERM or SIGINT, from before its start on. Ends the process when it does not end in order: some
/// time after the first SIGTERM or SIGINT, or at once at a second one.
///
/// It runs on a queue of its own. What keeps the process from ending may also keep all threads of tasks.
final class ForcedEnd: Sendable {
  /// Signals that come this soon after the first one are not a second request: `timeout` and terminals send to a whole group, too.
  private static let togetherTime = Duration.milliseconds(500)
  /// How long the log line may take, should its reader not read.
  private static let logTime = DispatchTimeInterval.seconds(1)

  private struct State {
    var first: ContinuousClock.Instant?
    var openWork: @Sendable () -> [String] = { [] }
  }

  /// Made at the first signal.
  let request = EndRequest()

  private let limit: Duration
  private let logger: Logger
  private let queue = DispatchQueue(label: "forced end", qos: .userInitiated)
  private let state = Mutex(State())
  /// Dispatch's sources may be used by several threads; their type does not say so.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  /// Begins to watch the signals. They do not end the process by themselves any more.
  ///
  /// - Parameter limit: how long the process may take to end in order.
  init(after limit: Duration, logger: Logger, signals: [Int32] = [SIGTERM, SIGINT]) {
    self.limit = limit
    self.logger = logger
    sources = signals.map { [queue] in DispatchSource.makeSignalSource(signal: $0, queue: queue) }
    for (signal, source) in zip(signals, sources) {
      source.setEventHandler { [weak self] in self?.received(signal) }
      source.resume()
    }
  }

  deinit { for source in sources { source.cancel() } }

  /// Says what is still open, in the line that is logged before the process ends.
  func describe(_ openWork: @escaping @Sendable () -> [String]) { state.withLock { $0.openWork = openWork } }

  private func received(_ signal: Int32) {
    let now = ContinuousClock.now
    let first = state.withLock { state in
      defer { state.first = state.first ?? now }
      return state.first
    }
    guard let first else {
      request.make()
      let (seconds, attoseconds) = limit.components
      let time = DispatchTimeInterval.nanoseconds(
        Int(clamping: min(seconds, 1_000_000) * 1_000_000_000 + attoseconds / 1_000_000_000))
      queue.asyncAfter(deadline: .now() + time) { [self] in
        end("it has not ended within \(limit.words), \(ControlPlaneSettings.key(\.shutdownTimeout))", status: 1)
      }
      return
    }
    guard first.duration(to: now) > Self.togetherTime else { return }
    end("it was asked to end again", status: 128 &+ signal)
  }

  private func end(_ reason: String, status: Int32) {
    let isLogged = DispatchSemaphore(value: 0)
    let openWork = state.withLock { $0.openWork }
    DispatchQueue(label: "forced end, log").async { [logger] in
      let open = openWork()
      logger.error(
        "the program ends at once: \(reason)",
        metadata: ["open": "\(open.isEmpty ? "nothing that is known" : open.joined(separator: "; "))"])
      isLogged.signal()
    }
    _ = isLogged.wait(timeout: .now() + Self.logTime)
    _exit(status)
  }
}
