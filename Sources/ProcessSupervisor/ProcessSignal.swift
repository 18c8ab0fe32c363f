import Glibc

/// A signal, by its number.
public struct ProcessSignal: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
  /// The number.
  public var rawValue: Int32

  /// Names a signal by its number.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Asks a program to end, as Ctrl-C does.
  public static let interrupt = ProcessSignal(rawValue: SIGINT)
  /// Asks a program to end.
  public static let terminate = ProcessSignal(rawValue: SIGTERM)
  /// Ends a program at once.
  public static let kill = ProcessSignal(rawValue: SIGKILL)
  /// The terminal went away.
  public static let hangUp = ProcessSignal(rawValue: SIGHUP)
  /// Asks a program to end and leave an image of its memory, as Ctrl-\ does.
  public static let quit = ProcessSignal(rawValue: SIGQUIT)

  private static let names: [Int32: String] = [
    SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP", SIGABRT: "SIGABRT",
    SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGUSR1: "SIGUSR1", SIGSEGV: "SIGSEGV",
    SIGUSR2: "SIGUSR2", SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM", SIGTERM: "SIGTERM",
  ]

  /// Number and name: `9 (SIGKILL)`.
  public var description: String { Self.names[rawValue].map { "\(rawValue) (\($0))" } ?? "\(rawValue)" }
}
