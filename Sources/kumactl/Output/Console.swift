import Glibc
import MeshClient

/// The program's output. Colours appear on a terminal only, and not when `NO_COLOR` is set.
enum Console {
  /// Writes to standard output.
  static func write(_ text: String) { write(text, to: STDOUT_FILENO) }

  /// Writes a line to standard error.
  static func notice(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

  /// Writes an error to standard error.
  static func error(_ message: String) { notice("\(colored("Error:", "31;1")) \(message)") }

  /// Writes warnings to standard error.
  static func warn(_ warnings: some Sequence<String>) {
    for warning in warnings { notice("\(colored("Warning:", "33;1")) \(warning)") }
  }

  /// Says that no control plane could be asked whether it fits this program.
  static func unconfirmed() {
    notice("\(colored("WARNING:", "33;1")) Unable to confirm the server supports this kumactl version")
  }

  private static func colored(_ text: String, _ code: String) -> String {
    guard isatty(STDERR_FILENO) == 1, getenv("NO_COLOR") == nil else { return text }
    return "\u{1B}[\(code)m\(text)\u{1B}[0m"
  }

  private static func write(_ text: String, to file: Int32) { FileAccess.write(text.utf8, to: file) }
}
