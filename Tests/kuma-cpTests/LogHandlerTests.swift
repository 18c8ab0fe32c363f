import Logging
import MeshModel
import OrderedCollections
import Synchronization
import Testing

@testable import kuma_cp

@Suite("Log lines")
struct LogHandlerTests {
  /// Keeps what it is told to write.
  private final class Recorder: LogHandler, Sendable {
    let lines = Mutex<[String]>([])
    var logLevel: Logger.Level {
      get { .trace }
      set {}
    }
    var metadata: Logger.Metadata {
      get { [:] }
      set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { nil }
      set {}
    }
    func log(event: LogEvent) {
      lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }
  }

  @Test("hold what others have named as text, not as lines or commands of their own")
  func text() {
    let recorder = Recorder()
    let logger = Logger(label: "test") { _ in PrintableLogHandler(recorder) }
    logger.info("a\nb", metadata: ["proxy": "default.\u{1b}[31m\u{9b}", "list": ["x\r\ny"]])
    let line = recorder.lines.withLock { $0.joined() }
    #expect(line == line.printable && line.contains(#"a\nb"#) && line.contains(#"default.\u{1b}[31m\u{9b}"#))
  }

  @Test("in JSON are JSON, and ASCII where a terminal would obey")
  func json() throws {
    let line = JSONLogHandler.line(["message": "a\nb \u{1b}[31m \u{9b} \u{202e} ü 😀 \\"])
    #expect(line == line.printable && line.contains("ü 😀") && line.contains("\\u009b") && line.contains("\\u202e"))
    let read = try DocumentValue(json: Array(line.utf8))
    #expect(read["message"]?.string == "a\nb \u{1b}[31m \u{9b} \u{202e} ü 😀 \\")
  }
}
