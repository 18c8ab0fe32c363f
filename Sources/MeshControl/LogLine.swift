import Logging

/// A log entry.
struct LogLine: Sendable, Equatable {
  enum Level: Sendable { case info, warning }

  var level: Level
  var message: String
  var metadata: [String: String]

  init(_ level: Level, _ message: String, _ metadata: [String: String]) {
    self.level = level
    self.message = message
    self.metadata = metadata
  }
}

extension Logger {
  /// Writes a log entry.
  func log(_ line: LogLine) {
    log(
      level: line.level == .info ? .info : .warning, "\(line.message)",
      metadata: line.metadata.mapValues { Logger.MetadataValue.string($0) })
  }
}
