import Glibc
import Synchronization

/// Tells what happens: a line for each step, with a tick once it has happened.
final class Narrator: Sendable {
  private struct State {
    /// The step that is under way.
    var waiting: (text: String, start: ContinuousClock.Instant)?
    /// Whether the last line is one that will be written again.
    var hasOpenLine = false
    var isGone = false
    /// Why nothing can be written any more, if not because the reader has gone.
    var failure: Int32?
  }

  let style: TerminalStyle
  private let descriptor: Int32
  private let state = Mutex(State())

  /// Characters in a line; the terminal's own `^C` has to find room after them, or a line cannot be written again.
  private var width: Int { style.width - 3 }

  init(descriptor: Int32) {
    self.descriptor = descriptor
    style = TerminalStyle(of: descriptor)
  }

  /// Whether the output is closed.
  var isGone: Bool { state.withLock { $0.isGone } }

  /// The system's number for why the output cannot be written; `nil` if it can, or if its reader has gone.
  var failure: Int32? { state.withLock { $0.failure } }

  /// Writes lines as they are.
  func say(_ lines: String...) {
    state.withLock { state in
      clear(&state)
      for line in lines { write(line + "\n", &state) }
    }
  }

  /// Writes lines that belong to the step before, wrapped to the terminal's width.
  func detail(_ text: String, _ tone: TerminalStyle.Tone = .quiet) {
    state.withLock { state in
      clear(&state)
      for line in Self.wrapped(text, width: width - 4) {
        write("    \(style.text(line, tone))\n", &state)
      }
    }
  }

  /// Writes a line that the next one replaces; nothing where lines cannot be replaced.
  func passing(_ text: String) {
    guard style.isTerminal else { return }
    state.withLock { state in
      clear(&state)
      write(String(text.prefix(width)), &state)
      state.hasOpenLine = true
    }
  }

  /// Ends the step under way without a word.
  func abandon() {
    state.withLock { state in
      state.waiting = nil
      clear(&state)
    }
  }

  /// Does a step, with a note while it is under way, a tick when it is done, and a cross when it fails.
  ///
  /// - Parameters:
  ///   - doing: what is waited for.
  ///   - done: what has happened.
  func step<Value: Sendable>(
    _ doing: String, done: (Value) -> String, isolation: isolated (any Actor)? = #isolation,
    _ work: () async throws -> Value
  ) async throws -> Value {
    let start = ContinuousClock.now
    state.withLock { $0.waiting = (doing, start) }
    async let _: Void = animate()
    do {
      let value = try await work()
      finish(style.text("✓", .good), done(value), since: start)
      return value
    } catch {
      if Task.isCancelled {
        abandon()
      } else {
        finish(style.text("✗", .bad), doing, since: start)
      }
      throw error
    }
  }

  /// Shows how long the step under way has taken, until it is cancelled.
  private func animate() async {
    guard style.isTerminal else { return }
    let frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
    var frame = 0
    while !Task.isCancelled {
      state.withLock { state in
        guard let waiting = state.waiting else { return }
        clear(&state)
        let elapsed = Self.text(ContinuousClock.now - waiting.start)
        let text = String(waiting.text.prefix(max(width - 5 - elapsed.count, 0)))
        let line = Self.aligned(text, elapsed, width: width - 4)
        write("  \(style.text(frames[frame % frames.count], .accent)) \(style.text(line, .quiet))", &state)
        state.hasOpenLine = true
      }
      frame += 1
      do { try await Task.sleep(for: .milliseconds(100)) } catch { return }
    }
  }

  private func finish(_ mark: String, _ text: String, since start: ContinuousClock.Instant) {
    let elapsed = Self.text(ContinuousClock.now - start)
    state.withLock { state in
      state.waiting = nil
      clear(&state)
      let line = Self.aligned(text, "", width: width - 5 - elapsed.count)
      write("  \(mark) \(line) \(style.text(elapsed, .quiet))\n", &state)
    }
  }

  private func clear(_ state: inout State) {
    guard state.hasOpenLine else { return }
    state.hasOpenLine = false
    write("\r\u{1B}[K", &state)
  }

  private func write(_ text: String, _ state: inout State) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty, !state.isGone {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        bytes = bytes.dropFirst(count)
      } else if errno != EINTR, errno != EAGAIN {
        state.isGone = true
        if errno != EPIPE { state.failure = errno }
      }
    }
  }

  /// A length of time, short.
  static func text(_ duration: Duration) -> String {
    let milliseconds = duration.wholeMilliseconds
    if milliseconds < 100 { return "\(milliseconds) ms" }
    let tenths = (milliseconds + 50) / 100
    return "\(tenths / 10).\(tenths % 10) s"
  }

  /// Two texts at the two ends of a line.
  static func aligned(_ left: String, _ right: String, width: Int) -> String {
    left + String(repeating: " ", count: max(width - left.count - right.count, right.isEmpty ? 0 : 1)) + right
  }

  /// Text in lines of a width, cut between words.
  static func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}

extension Duration {
  /// Whole milliseconds, rounded down.
  var wholeMilliseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds &* 1000 &+ attoseconds / 1_000_000_000_000_000
  }

  /// Seconds to the millisecond.
  var secondsRounded: Double { Double(wholeMilliseconds) / 1000 }
}
