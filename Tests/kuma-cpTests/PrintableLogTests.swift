import Logging
import ProgramLog
import Synchronization
import Testing

@Suite("Log lines")
struct PrintableLogTests {
  /// Keeps what it is given to write.
  private struct Recorder: LogHandler {
    final class Lines: Sendable {
      let all = Mutex<[String]>([])
    }
    let lines: Lines
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      let values = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
      lines.all.withLock {
        $0.append("\(event.message) \(values.map { "\($0.key)=\($0.value)" }.joined(separator: " "))")
      }
    }
  }

  @Test("what comes from outside neither begins a line nor acts on a terminal, wherever it stands")
  func escapes() {
    let lines = Recorder.Lines()
    var logger = Logger(label: "test") { _ in PrintableLogHandler(Recorder(lines: lines)) }
    logger[metadataKey: "proxy"] = "a\u{1B}[2J"
    logger.info(
      "it said \"x\n2026 info forged\"",
      metadata: ["why": ["a\u{202E}b", "c\rd"], "big": "\(Array(repeating: "x", count: 5_000))"])
    let all = lines.all.withLock { $0 }
    #expect(all.count == 1)
    let line = all.first ?? ""
    #expect(line.hasPrefix(#"it said "x\n2026 info forged" big="#))
    #expect(line.contains(#"proxy=a\u{1b}[2J"#))
    #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
    #expect(line.utf8.count < 10_000 && line.contains("more bytes)"))
  }
}
