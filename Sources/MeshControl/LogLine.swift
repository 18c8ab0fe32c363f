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
