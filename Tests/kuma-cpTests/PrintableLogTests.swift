import Logging
import ProgramLog
import TestSupport
import Testing

@Suite("Log lines")
struct PrintableLogTests {
  @Test("what comes from outside neither begins a line nor acts on a terminal, wherever it stands")
  func escapes() {
    let log = LogRecorder()
    var logger = Logger(label: "test") { _ in PrintableLogHandler(log.handler()) }
    logger[metadataKey: "proxy"] = "a\u{1B}[2J"
    logger.info(
      "it said \"x\n2026 info forged\"",
      metadata: ["why": ["a\u{202E}b", "c\rd"], "big": "\(Array(repeating: "x", count: 5_000))"])
    #expect(log.lines.count == 1)
    let metadata = log.lines.first?.metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } ?? []
    let line = ([log.lines.first?.message ?? ""] + metadata).joined(separator: " ")
    #expect(line.hasPrefix(#"it said "x\n2026 info forged" big="#))
    #expect(line.contains(#"proxy=a\u{1b}[2J"#))
    #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
    #expect(line.utf8.count < 10_000 && line.contains("more bytes)"))
  }

  @Test("passwords in URLs and private keys are masked, wherever they stand")
  func secrets() {
    let log = LogRecorder()
    var logger = Logger(label: "test") { _ in PrintableLogHandler(log.handler()) }
    logger[metadataKey: "proxy"] = "https://me:secret@host/"
    logger.info(
      "cannot reach http://user:secret@host:9411/?token=secret",
      metadata: [
        "key": "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----", "list": ["http://a:secret@b"],
      ])
    let line = "\(log.lines)"
    #expect(!line.contains("secret"), "\(line)")
    #expect(line.contains("cannot reach http://***@host:9411/?token=***"), "\(line)")
  }
}
