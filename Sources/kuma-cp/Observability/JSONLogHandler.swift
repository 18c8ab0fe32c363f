import Foundation
import Logging
import MeshModel
import MeshStore
import OrderedCollections

/// Writes each log line as one JSON object on standard error.
struct JSONLogHandler: LogHandler {
  var logLevel: Logger.Level = .info
  var metadata: Logger.Metadata = [:]
  private let label: String

  init(label: String) { self.label = label }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var object: DocumentValue.Object = [
      "time": .string(Timestamp.now.description), "level": .string(event.level.rawValue),
      "logger": .string(label), "message": .string(event.message.description),
    ]
    let merged = metadata.merging(event.metadata ?? [:]) { _, new in new }
    for (key, value) in merged.sorted(by: { $0.key < $1.key }) {
      object[object[key] == nil ? key : "metadata.\(key)"] = .string(value.description)
    }
    let line = DocumentValue.object(object).json() + "\n"
    FileHandle.standardError.write(Data(line.utf8))
  }
}

extension Timestamp {
  /// The wall clock's time.
  static var now: Timestamp { StoreClock.wallClock() }
}
