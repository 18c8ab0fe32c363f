import ProgramSettings

@testable import kuma_dp

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
