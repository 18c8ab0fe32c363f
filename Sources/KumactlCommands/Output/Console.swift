import Glibc
import MeshModel
import Synchronization
import SystemErrors

/// The program's output. Colours appear on a terminal only, and not when `NO_COLOR` is set.
enum Console {
  /// The first error of writing to standard output; 0 if there was none.
  private static let outputFailure = Atomic<Int32>(0)

  /// Writes to standard output. If its reader closes it, this program ends. Any other failure is remembered, and nothing
  /// more is written.
  static func write(_ text: String) {
    guard outputFailure.load(ordering: .relaxed) == 0 else { return }
    guard !FileAccess.write(text.utf8, to: STDOUT_FILENO) else { return }
    let failure = errno
    if failure == EPIPE {
      // The library for networks has the signal ignored, by which the program would have ended already.
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
    }
    outputFailure.store(failure, ordering: .relaxed)
  }

  /// Whether somebody at a terminal is told what was done.
  static var confirms: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Tells a person at a terminal what was done, as a line on standard output. A pipe or a file gets nothing, as from Kuma's kumactl.
  static func confirm(_ text: String) {
    if confirms { write("\(text.printableLines)\n") }
  }

  /// The program's exit status: that of the command, or a failure if its output could not be written.
  static func status(_ status: Int32) -> Int32 {
    let failure = outputFailure.load(ordering: .relaxed)
    guard failure != 0 else { return status }
    // Standard output was closed from the start, so nobody reads an error, either. The runtime may have reused the number
    // for a descriptor of its own, and then writing fails with EINVAL.
    guard failure != EBADF, failure != EINVAL else { return 1 }
    error("standard output cannot be written: \(SystemError(failure))")
    return 1
  }

  /// Writes a line to standard error.
  static func notice(_ text: String) { FileAccess.write((text + "\n").utf8, to: STDERR_FILENO) }

  /// Writes an error to standard error. Control characters in quoted text are removed.
  static func error(_ message: String) { notice("\(colored("Error:", "31;1")) \(message.printableLines)") }

  /// Writes warnings to standard error.
  static func warn(_ warnings: some Sequence<String>) {
    for warning in warnings { notice("\(colored("Warning:", "33;1")) \(warning.printableLines)") }
  }

  /// Writes a remark about something that works to standard error; nothing for `nil`.
  static func note(_ text: String?) {
    if let text { notice("\(colored("Note:", "36;1")) \(text.printableLines)") }
  }

  /// Warns that no control plane confirmed that it supports this version.
  static func unconfirmed() {
    notice("\(colored("WARNING:", "33;1")) Unable to confirm the server supports this kumactl version")
  }

  private static func colored(_ text: String, _ code: String) -> String {
    guard isatty(STDERR_FILENO) == 1, getenv("NO_COLOR") == nil else { return text }
    return "\u{1B}[\(code)m\(text)\u{1B}[0m"
  }
}
