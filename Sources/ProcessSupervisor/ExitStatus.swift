/// How a process ended.
public enum ExitStatus: Sendable, Hashable, CustomStringConvertible {
  /// It ended by itself with a code; 0 stands for success.
  case exited(Int32)
  /// A signal ended it.
  case signalled(Int32)

  /// Whether it ended by itself with code 0.
  public var isSuccess: Bool { self == .exited(0) }

  /// The code that a shell would report: the exit code, or 128 plus the signal.
  public var shellCode: Int32 {
    switch self {
    case .exited(let code): code
    case .signalled(let number): 128 &+ number
    }
  }

  /// The status in words, to follow the program's name: `ended with exit code 1`.
  public var description: String {
    switch self {
    case .exited(0): "ended without an error"
    case .exited(let code): "ended with exit code \(code)"
    case .signalled(let number): "was ended by signal \(ProcessSignal(rawValue: number))"
    }
  }

  /// Takes the number apart that `waitpid` gives.
  init(waitStatus: Int32) {
    let signal = waitStatus & 0x7f
    self = signal == 0 ? .exited((waitStatus >> 8) & 0xff) : .signalled(signal)
  }
}
