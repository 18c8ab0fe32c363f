package import Logging
import Synchronization

/// Keeps what is logged.
package final class LogRecorder: Sendable {
  /// A line of the log.
  package struct Line: Sendable {
    /// The level.
    package var level: Logger.Level
    /// The message.
    package var message: String
    /// The metadata of the logger and of the line.
    package var metadata: [String: String]
  }

  private let recorded = Mutex<[Line]>([])

  /// A recorder of nothing yet.
  package init() {}

  /// Every line so far.
  package var lines: [Line] { recorded.withLock { $0 } }

  /// Every message so far, behind its level.
  package var messages: [String] { lines.map { "\($0.level) \($0.message)" } }

  /// A logger whose lines are kept from a level on.
  package func logger(_ level: Logger.Level = .debug) -> Logger {
    Logger(label: "test") { _ in self.handler(level) }
  }

  /// A handler that keeps the lines from a level on.
  package func handler(_ level: Logger.Level = .debug) -> some LogHandler { Handler(recorder: self, logLevel: level) }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let metadata = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues(\.description)
      recorder.recorded.withLock {
        $0.append(Line(level: event.level, message: event.message.description, metadata: metadata))
      }
    }
  }
}
