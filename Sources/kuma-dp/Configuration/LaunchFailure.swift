/// Why the proxy did not start, or stopped, as a message for the user.
struct LaunchFailure: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs to match on.
  enum Code: Sendable, Hashable, CaseIterable {
    /// An option or an environment variable is wrong, missing or one too many.
    case badSetting
    /// A file that an option names cannot be read.
    case unreadableFile
    /// The definition of the Dataplane is wrong.
    case badDataplane
    /// The dataplane token is malformed.
    case badToken
    /// There is no Envoy.
    case noEnvoy
    /// There is a program, but it cannot be run or is no Envoy.
    case unusableEnvoy
    /// Envoy's configuration cannot be written.
    case unusableDirectory
    /// The port of Envoy's administration interface is taken.
    case portTaken
    /// The control plane could not be reached, or had no bootstrap, for too long.
    case noControlPlane
    /// The control plane refused to give a bootstrap.
    case refused
    /// The run was stopped before Envoy was started.
    case interrupted
    /// Envoy ended without having been asked to.
    case envoyEnded
  }

  /// The kind of failure.
  var code: Code
  /// What is wrong and what to do.
  var description: String
  /// The exit code of the program.
  var exitCode: Int32 = 1
  /// The error underneath.
  var cause: (any Error)?

  init(_ code: Code, _ description: String, exitCode: Int32 = 1, cause: (any Error)? = nil) {
    self.code = code
    self.description = description
    self.exitCode = exitCode
    self.cause = cause
  }
}
