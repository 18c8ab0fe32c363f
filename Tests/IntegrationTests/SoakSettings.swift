import Foundation

/// How much the long tests do: little in `make test`, and what `make soak` says in variables.
enum SoakSettings {
  /// Whether `make soak` runs: tests that hold programs to limits of seconds need a machine of their own.
  static var isSoak: Bool { ProcessInfo.processInfo.environment["SOAK_SEED"] != nil }

  static func value(_ variable: String, or usual: Int) -> Int {
    ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? usual
  }
}
