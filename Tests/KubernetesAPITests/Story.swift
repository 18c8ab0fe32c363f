/// What happened in a simulation, line by line, for the report of a fault.
final class Story {
  private let isKept: Bool
  private var lines: [String] = []

  init(isKept: Bool) { self.isKept = isKept }

  func note(_ time: Duration, _ line: @autoclosure () -> String) {
    if isKept { lines.append("\(time): \(line())") }
  }

  /// The last lines.
  var end: String { lines.suffix(80).joined(separator: "\n") }
}
