import Glibc
import SystemErrors

/// Tells on standard error how far a copy is: on a terminal in one line that changes, elsewhere in one line at the end.
final class CopyingProgress {
  let interruption: Interruption
  private let isTerminal: Bool
  private var shown = -1

  init(_ interruption: Interruption, isTerminal: Bool = isatty(STDERR_FILENO) == 1) {
    self.interruption = interruption
    self.isTerminal = isTerminal
  }

  /// A part of a file was copied.
  ///
  /// - Throws: ``Interruption/Interrupted``.
  func step(_ action: String, _ done: Int64, _ total: Int64) throws {
    try interruption.check()
    let percent = total > 0 ? Int(Double(done) / Double(total) * 100) : 100
    guard isTerminal, percent != shown else { return }
    shown = percent
    write("\r\(action): \(percent) % of \(Self.size(total))\u{1B}[K")
  }

  /// A file was copied.
  func end(_ sentence: String) {
    write((isTerminal && shown >= 0 ? "\r\u{1B}[K" : "") + sentence + "\n")
    shown = -1
  }

  private func write(_ text: String) { FileAccess.write(text.utf8, to: STDERR_FILENO) }

  /// A size in words.
  static func size(_ bytes: Int64) -> String {
    switch bytes {
    case ..<10_240: "\(bytes) bytes"
    case ..<(10 << 20): "\(bytes >> 10) KiB"
    default: "\(bytes >> 20) MiB"
    }
  }
}
