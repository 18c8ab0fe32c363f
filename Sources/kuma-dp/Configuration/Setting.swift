/// A setting of a run: its option, and its environment variable under Kuma's name. Source of the names: Kuma 2.7, of the
/// administration port: Kuma 1.1.
struct Setting: Sendable, Hashable {
  /// The option; `nil` for what only the environment sets.
  let option: String?
  /// The environment variable; `nil` where there is none.
  let variable: String?

  private init(_ option: String?, _ variable: String?) {
    self.option = option
    self.variable = variable
  }

  static let dataplaneFile = Setting("--dataplane-file", "KUMA_DATAPLANE_RUNTIME_RESOURCE_PATH")
  static let dataplane = Setting("--dataplane", "KUMA_DATAPLANE_RUNTIME_RESOURCE")
  static let name = Setting("--name", "KUMA_DATAPLANE_NAME")
  static let mesh = Setting("--mesh", "KUMA_DATAPLANE_MESH")
  static let proxyType = Setting("--proxy-type", "KUMA_DATAPLANE_PROXY_TYPE")
  static let controlPlaneAddress = Setting("--cp-address", "KUMA_CONTROL_PLANE_URL")
  static let caCertificate = Setting(nil, "KUMA_CONTROL_PLANE_CA_CERT")
  static let caCertificateFile = Setting("--ca-cert-file", "KUMA_CONTROL_PLANE_CA_CERT_FILE")
  static let retryBackoff = Setting(nil, "KUMA_CONTROL_PLANE_RETRY_BACKOFF")
  static let retryLimit = Setting(nil, "KUMA_CONTROL_PLANE_RETRY_MAX_DURATION")
  static let tokenFile = Setting("--dataplane-token-file", "KUMA_DATAPLANE_RUNTIME_TOKEN_PATH")
  static let token = Setting("--dataplane-token", "KUMA_DATAPLANE_RUNTIME_TOKEN")
  static let binaryPath = Setting("--binary-path", "KUMA_DATAPLANE_RUNTIME_BINARY_PATH")
  static let configDirectory = Setting("--config-dir", "KUMA_DATAPLANE_RUNTIME_CONFIG_DIR")
  static let concurrency = Setting("--concurrency", "KUMA_DATAPLANE_RUNTIME_CONCURRENCY")
  static let drainTime = Setting("--drain-time", "KUMA_DATAPLANE_DRAIN_TIME")
  static let adminPort = Setting("--admin-port", "KUMA_DATAPLANE_ADMIN_PORT")
  static let envoyLogLevel = Setting("--envoy-log-level", "KUMA_DATAPLANE_RUNTIME_ENVOY_LOG_LEVEL")
  static let logLevel = Setting("--log-level", nil)
  static let dns = Setting("--dns-enabled", nil)
}

/// Finds the values of settings: an option wins over the environment. Empty text counts as not given, as in Kuma.
struct SettingReader: Sendable {
  /// A value and where it was given.
  struct Value: Sendable, Equatable {
    /// The value as it was given.
    var text: String
    /// The option or variable, for messages.
    var place: String
    /// Whether it came as an option.
    var isOption: Bool
  }

  private let flags: [Setting: String]
  private let environment: [String: String]

  init(flags: [Setting: String], environment: [String: String]) {
    self.flags = flags
    self.environment = environment
  }

  /// The value of a setting; `nil` when it is not given.
  func value(_ setting: Setting) -> Value? {
    if let option = setting.option, let text = flags[setting], !text.isEmpty {
      return Value(text: text, place: option, isOption: true)
    }
    if let variable = setting.variable, let text = environment[variable], !text.isEmpty {
      return Value(text: text, place: variable, isOption: false)
    }
    return nil
  }

  /// The value of one of several settings that say the same in different ways.
  ///
  /// - Returns: the setting that counts, options before variables; `nil` when none is given.
  /// - Throws: ``LaunchFailure`` when two are given in the same way.
  func oneOf(_ settings: Setting...) throws(LaunchFailure) -> (setting: Setting, value: Value)? {
    let given = settings.compactMap { setting in value(setting).map { (setting: setting, value: $0) } }
    let options = given.filter(\.value.isOption)
    let candidates = options.isEmpty ? given : options
    if let first = candidates.first, let second = candidates.dropFirst().first {
      throw LaunchFailure(
        .badSetting, "\(first.value.place) and \(second.value.place) cannot both be given; leave one of them out")
    }
    return candidates.first
  }

  /// The value of a setting, read.
  ///
  /// - Parameter expectation: what it has to be, to follow "has to be".
  /// - Throws: ``LaunchFailure`` naming the option or variable when it cannot be read.
  func read<Read>(
    _ setting: Setting, _ expectation: String, _ read: (String) -> Read?
  ) throws(LaunchFailure) -> Read? {
    guard let value = value(setting) else { return nil }
    guard let result = read(value.text) else {
      throw LaunchFailure(.badSetting, "\(value.place) has to be \(expectation), not \"\(value.text)\"")
    }
    return result
  }
}
