import Glibc
import Testing

@testable import kuma_demo

@Suite("The demo's words")
struct NarratorTests {
  @Test(
    "times are short", arguments: [(38, "38 ms"), (99, "99 ms"), (100, "0.1 s"), (1249, "1.2 s"), (61_000, "61.0 s")])
  func times(milliseconds: Int, text: String) {
    #expect(Narrator.text(.milliseconds(milliseconds)) == text)
  }

  @Test("text is cut between words only")
  func wrapping() {
    #expect(Narrator.wrapped("one two three", width: 7) == ["one two", "three"])
    #expect(Narrator.wrapped("unbreakable", width: 3) == ["unbreakable"])
    #expect(Narrator.wrapped("", width: 3).isEmpty)
  }

  @Test("a file gets ticks and crosses, without colours or lines that are written again")
  func steps() async throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    let narrator = Narrator(descriptor: ends[1])
    _ = try await narrator.step("counting", done: { "counted to \($0)" }) { 3 }
    await #expect(throws: DemoFailure.self) {
      try await narrator.step("failing", done: { "did not fail" }) { throw DemoFailure("no") }
    }
    narrator.passing("not seen")
    narrator.detail("seen")
    close(ends[1])
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = read(ends[0], &buffer, buffer.count)
    close(ends[0])
    let lines = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines.first?.hasPrefix("  ✓ counted to 3 ") == true)
    #expect(lines.dropFirst().first?.hasPrefix("  ✗ failing ") == true)
    #expect(lines.last == "    seen")
  }
}
