import Foundation
import JSONText
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

  /// Formats a line. Escapes control characters beyond ASCII too, which JSON does not require, so that a terminal can show it.
  static func line(_ object: DocumentValue.Object) -> String {
    let line = DocumentValue.object(object).json()
    guard !line.utf8.allSatisfy({ $0 < 0x80 }) else { return line }
    return line.unicodeScalars.reduce(into: "") { text, scalar in
      // Characters beyond ASCII occur only within JSON strings, where escapes are allowed.
      if String(scalar).printable == String(scalar) {
        text.unicodeScalars.append(scalar)
      } else {
        text += JSONWriter.escape(scalar)
      }
    }
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
    // A failed write, for example to a full disk, must not stop the program.
    try? FileHandle.standardError.write(contentsOf: Data((Self.line(object) + "\n").utf8))
  }
}
