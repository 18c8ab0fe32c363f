import MeshModel

/// What documents of 128 KB cost, which anybody may send: the longest that are read, and some that are refused on the way.
///
/// The baseline is the bound that they have to keep, 50 ms of processor time each.
enum DocumentBenchmark {
  private static let size = 128 << 10
  private static let limit = 0.05

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    var rows: [ResultRow] = []
    for (name, text, isRead) in texts {
      var values: [Double] = []
      for _ in 0..<context.size(21, quick: 7) {
        var wasRead = false
        let cost = await Cost.of { wasRead = (try? DocumentValue.yamlDocuments(text)) != nil }
        try BenchmarkFailure.unless(wasRead == isRead, "\(name): it should be \(isRead ? "read" : "refused")")
        values.append(cost.cpu)
      }
      rows.append(
        ResultRow(
          "document", "128 KB: \(name), CPU", in: .seconds, against: "the bound",
          Comparison(values: values, baselines: values.map { _ in limit })))
    }
    return rows
  }

  /// Each with its name and whether it is read.
  private static var texts: [(String, String, Bool)] {
    func filled(_ piece: String, _ head: String = "", _ tail: String = "") -> String {
      head + String(repeating: piece, count: (size - head.utf8.count - tail.utf8.count) / piece.utf8.count) + tail
    }
    func numbered(_ piece: (Int) -> String) -> String {
      var text = ""
      var number = 0
      while text.utf8.count < size {
        text += piece(number)
        number += 1
      }
      return text
    }
    let open = String(repeating: "[", count: 90)
    let close = String(repeating: "]", count: 90)
    let policy = "type: TrafficTrace\nmesh: default\nname: all\nselectors:\n- match: {kuma.io/service: '*'}\n---\n"
    return [
      ("policies, one document each", filled(policy), true),
      ("numbers in a list", filled("1,", "[", "1]"), true),
      ("numbers below 90 levels", filled("1,", open, "1" + close), false),
      ("numbers below 15 levels", filled("1,", String(open.prefix(15)), "1" + close.prefix(15)), true),
      ("lists in a block", filled("- []\n"), true),
      ("keys of an object", numbered { "k\($0): v\n" }, true),
      ("documents with nothing in them", filled("---\n"), true),
      ("text in quotes", filled("- \"\\u00e9 \\n\"\n"), true),
      ("one long text", filled("text ", "a: "), true),
      ("levels without an end", filled("- "), false),
      ("aliases", filled("*a,", "a: &a [b, c, d, e, f, g, h]\nb: [", "*a]"), false),
      ("lists as keys", filled("? [a]\n: b\n"), false),
      ("anchors", numbered { "- &a\($0) b\n" }, false),
    ]
  }
}
