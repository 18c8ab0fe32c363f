import Logging
import ProgramLog

/// How much is logged.
enum LogLevel: String, Sendable, CaseIterable {
  case trace
  case debug
  case info
  case warning
  case error
  case off

  /// A logger that writes lines of text on standard error.
  func logger(label: String) -> Logger {
    guard let level = Logger.Level(rawValue: rawValue) else {
      return Logger(label: label) { _ in SwiftLogNoOpLogHandler() }
    }
    return Logger(label: label) { label in
      var handler = PrintableLogHandler(StreamLogHandler.standardError(label: label))
      handler.logLevel = level
      return handler
    }
  }
}
