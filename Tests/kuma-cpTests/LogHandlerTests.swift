import MeshModel
import OrderedCollections
import Testing

@testable import kuma_cp

@Suite("Log lines")
struct LogHandlerTests {
  @Test("in JSON are JSON, and ASCII where a terminal would obey")
  func json() throws {
    let line = JSONLogHandler.line(["message": "a\nb \u{1b}[31m \u{9b} \u{202e} ü 😀 \\"])
    #expect(line == line.printable && line.contains("ü 😀") && line.contains("\\u009b") && line.contains("\\u202e"))
    let read = try DocumentValue(json: Array(line.utf8))
    #expect(read["message"]?.string == "a\nb \u{1b}[31m \u{9b} \u{202e} ü 😀 \\")
  }
}
