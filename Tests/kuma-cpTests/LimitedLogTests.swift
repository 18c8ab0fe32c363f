import Logging
import ProgramLog
import TestSupport
import Testing

@Suite("Lines of the log that many clients cause")
struct LimitedLogTests {
  private static func logger(_ log: LogRecorder, _ lines: LogLines) -> Logger {
    Logger(label: "test") { _ in LimitedLogHandler(log.handler(), lines) }
  }

  @Test("a sentence is written sixty times a minute, and the next line of its level tells how many were not written")
  func sentences() {
    let (log, lines) = (LogRecorder(), LogLines())
    let logger = Self.logger(log, lines)
    for proxy in 0..<1_000 { logger.warning("refused", metadata: ["proxy": "\(proxy)"]) }
    #expect(log.lines.count == LogLines.linesPerSentence)
    #expect(lines.unlogged == 1_000 - LogLines.linesPerSentence)
    // Another logger of the program shares the limit.
    Self.logger(log, lines).warning("refused")
    #expect(log.lines.count == LogLines.linesPerSentence)
    logger.error("out of order")
    #expect(log.lines.last?.metadata["unlogged"] == nil)
    logger.warning("another sentence", metadata: ["unlogged": "9"])
    #expect(log.lines.last?.metadata["unlogged"] == "\(1_001 - LogLines.linesPerSentence + 9)")
  }

  @Test("sentences that a client chooses fill neither the log nor the memory, and hide no error")
  func levels() {
    let (log, lines) = (LogRecorder(), LogLines())
    let logger = Self.logger(log, lines)
    for number in 0..<10_000 { logger.info("sentence \(number)") }
    #expect(log.lines.count == LogLines.linesPerLevel)
    logger.error("out of order")
    #expect(log.lines.last?.message == "out of order")
  }

  @Test("what the user has asked to see is written each time")
  func asked() {
    let (log, lines) = (LogRecorder(), LogLines(unlimited: ["request"]))
    let logger = Self.logger(log, lines)
    for _ in 0..<1_000 {
      logger.info("request")
      logger.debug("detail")
    }
    #expect(log.lines.count == 2_000)
    #expect(lines.unlogged == 0)
  }
}
