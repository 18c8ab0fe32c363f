import Logging
import ProgramSettings
import Synchronization

@testable import kuma_dp

/// Keeps what is logged.
final class LogRecorder: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }

  /// A logger whose lines are kept, with their levels.
  var logger: Logger { Logger(label: "test") { _ in Handler(recorder: self) } }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var logLevel: Logger.Level = .debug
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { recorder.lines.withLock { $0.append("\(event.level) \(event.message)") } }
  }
}

/// What tests of bootstraps share.
enum BootstrapFixture {
  /// The version that the proxies tell.
  static let envoy = EnvoyVersion(output: "version: abc/1.40.0/Clean/RELEASE/BoringSSL")

  /// A configuration that asks again soon.
  static func configuration(
    _ flags: [String: String], environment: [String: String] = [:]
  ) throws -> LaunchConfiguration {
    var environment = environment
    environment["KUMA_CONTROL_PLANE_RETRY_BACKOFF"] = "5ms"
    if environment["KUMA_CONTROL_PLANE_RETRY_MAX_DURATION"] == nil {
      environment["KUMA_CONTROL_PLANE_RETRY_MAX_DURATION"] = "2m"
    }
    return try LaunchConfiguration(SettingValues(flags: flags, environment: environment), variables: [])
  }
}
