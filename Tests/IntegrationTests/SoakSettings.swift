import Foundation

/// How much the long tests do: little in `make test`, and what `make soak` says in variables.
enum SoakSettings {
  static func value(_ variable: String, or usual: Int) -> Int {
    ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? usual
  }
}
