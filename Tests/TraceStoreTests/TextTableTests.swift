import TestSupport
import Testing

@testable import TraceModel
@testable import TraceStore

/// Texts by number, for threads that look for them and add them at the same time.
@Suite struct TextTableTests {
  private static func number(of text: String, in table: TextTable) -> UInt32? {
    var text = text
    let hash = TextHash.hash(text)
    return text.withUTF8 { table.number(of: UnsafeRawBufferPointer($0), hash: hash) }
  }

  @Test("A text gets a number when it has been seen four times; it keeps the number when the table grows")
  func growth() {
    let table = TextTable(texts: ["first", ""])
    #expect(Self.number(of: "first", in: table) == 0)
    #expect(Self.number(of: "", in: table) == 1)
    for _ in 0..<3 { #expect(Self.number(of: "x", in: table) == nil) }
    #expect(Self.number(of: "x", in: table) == 2)
    let long = String(repeating: "x", count: 129)
    for _ in 0..<9 {
      #expect(Self.number(of: long, in: table) == nil)
      #expect(Self.number(of: "a\u{0}b", in: table) == nil)
    }
    for _ in 0..<4 { for number in 0..<5_000 { _ = Self.number(of: "text \(number)", in: table) } }
    let texts = table.texts
    #expect(texts.count > 4_000)
    for (number, text) in texts.enumerated() { #expect(Self.number(of: text, in: table) == UInt32(number)) }
    let unstored = table.unstored()
    #expect(unstored.first == 2)
    #expect(unstored.texts == Array(texts.dropFirst(2)))
    table.setStored(texts.count)
    #expect(table.unstored().texts.isEmpty)
  }

  @Test("Threads that add texts at the same time agree on their numbers")
  func threads() async {
    let table = TextTable()
    let texts = (0..<3_000).map { "text \($0 &* 7_919)" }
    await withTaskGroup(of: Void.self) { group in
      for seed: UInt64 in 0..<8 {
        group.addTask {
          var random = SeededGenerator(seed: seed)
          var numbers: [String: UInt32] = [:]
          for _ in 0..<30_000 {
            let text = texts.randomElement(using: &random) ?? ""
            guard let number = Self.number(of: text, in: table) else { continue }
            #expect(numbers.updateValue(number, forKey: text) ?? number == number)
          }
          let all = table.texts
          for (text, number) in numbers { #expect(all[Int(number)] == text) }
        }
      }
    }
    #expect(Set(table.texts).count == table.texts.count)
    #expect(table.texts.count > 2_900)
  }
}
