import ArgumentParser
import MeshClient
import MeshModel
import ProgramSettings

/// The settings of a run, under Kuma's names. Source of the names: Kuma 2.7, of the administration port: Kuma 1.1.
///
/// To add one, declare it here and use it in ``LaunchConfiguration``. To offer its flag, name it in ``RunCommand/RunFlags``.
struct DataplaneSettings: SettingGroup {
  let dataplaneFile = Setting(
    "dataplaneRuntime.resourcePath", .optionalText, default: "",
    "File with the Dataplane, YAML or JSON; - for standard input.",
    flag: .option("--dataplane-file", short: "d", valueName: "file", completion: .file(), standard: "none"))
  let dataplane = Setting(
    "dataplaneRuntime.resource", .optionalText, default: "", "The Dataplane itself, YAML or JSON.",
    flag: .option("--dataplane", valueName: "yaml", standard: "none"))
  let name = Setting(
    "dataplane.name", .optionalText, default: "",
    "Name of a Dataplane that the control plane has; only without a definition.",
    flag: .option("--name", valueName: "name", standard: "$POD_NAME.$POD_NAMESPACE in a pod, else none"))
  let mesh = Setting(
    "dataplane.mesh", .text, default: "default", "Mesh of that Dataplane; only without a definition.",
    flag: .option("--mesh", valueName: "mesh"))
  let controlPlane = Setting(
    "controlPlane.url", .address, default: "https://localhost:5678",
    "Address of the control plane's data plane server; http:// for plaintext.",
    flag: .option("--cp-address", valueName: "url"))
  let caCertificate = Setting(
    "controlPlane.caCert", .optionalText, default: "",
    "The certificate authority, PEM, by which the control plane is verified.")
  let caCertificateFile = Setting(
    "controlPlane.caCertFile", .optionalText, default: "",
    "File with the certificate authority, PEM, by which the control plane is verified. Without one it is not.",
    flag: .option("--ca-cert-file", valueName: "file", completion: .file(), standard: "none"))
  let retryBackoff = Setting(
    "controlPlane.retry.backoff", .positiveDuration, default: "3s",
    "How long to wait between attempts to reach the control plane.")
  let retryLimit = Setting(
    "controlPlane.retry.maxDuration", .positiveDuration, default: "5m",
    "How long the control plane may be out of reach at the start.")
  let tokenFile = Setting(
    "dataplaneRuntime.tokenPath", .optionalText, default: "",
    "File with the token by which the proxy proves who it is.",
    flag: .option("--dataplane-token-file", valueName: "file", completion: .file(), standard: "none"))
  let token = Setting(
    "dataplaneRuntime.token", .optionalText, default: "", "That token itself.",
    flag: .option("--dataplane-token", valueName: "token", standard: "none"), isSecret: true)
  let binaryPath = Setting(
    "dataplaneRuntime.binaryPath", .optionalText, default: "", "Envoy's executable.",
    flag: .option(
      "--binary-path", valueName: "file", completion: .file(),
      standard: "$ENVOY, else envoy in PATH, beside kuma-dp, or in a .venv/bin above it"))
  let configDirectory = Setting(
    "dataplaneRuntime.configDir", .optionalText, default: "", "Directory that Envoy's configuration is written to.",
    flag: .option(
      "--config-dir", valueName: "directory", completion: .directory,
      standard: "a private temporary one, removed at the end"))
  let concurrency = Setting(
    "dataplaneRuntime.concurrency", .threads, default: "0", "Number of Envoy's worker threads.",
    flag: .option("--concurrency", valueName: "number", standard: "one for each processor"))
  let drainTime = Setting(
    "dataplane.drainTime", .duration, default: "30s",
    "How long requests in flight may take when the proxy is told to end; 0 ends them, and forgets their spans.",
    flag: .option("--drain-time", valueName: "duration"))
  let adminPort = Setting(
    "dataplane.adminPort", .optionalPort, default: "",
    "Port of Envoy's administration interface on 127.0.0.1; 0 for none.",
    flag: .option(
      "--admin-port", valueName: "port",
      standard: "the Dataplane's, else the control plane's choice or a free one"))
  let evidence = Setting(
    "dataplane.evidence", .truth, default: "true",
    "Whether the control plane is told what Envoy counts of tracing; it says then why a trace is missing.",
    flag: .option("--evidence", valueName: "bool"))
  let envoyLogLevel = Setting(
    "dataplaneRuntime.envoyLogLevel", .envoyLogLevel, default: "",
    "How much Envoy tells: trace, debug, info, warning, error, critical or off. Tokens and cookies are masked in its log.",
    flag: .option("--envoy-log-level", valueName: "level", standard: "that of --log-level if given, else warning"))
  let envoyComponentLogLevel = Setting(
    "dataplaneRuntime.envoyComponentLogLevel", .envoyComponentLogLevel, default: "",
    "How much components of Envoy tell, such as upstream:debug,connection:trace.",
    flag: .option("--envoy-component-log-level", valueName: "component:level", standard: "that of --envoy-log-level"))
  let logLevel = Setting<LogLevel>(
    "log.level", .choice, default: "info",
    "How much kuma-dp tells on standard error: trace, debug, info, warning, error or off.",
    flag: .option("--log-level", valueName: "level"), hasVariable: false)
  let proxyType = Setting(
    "dataplane.proxyType", .text, default: "dataplane", "Kind of proxy; there is only one.",
    flag: .option("--proxy-type", valueName: "dataplane"))
  let dns = Setting(
    "dns.enabled", .text, default: "false",
    "For Kuma's command lines: the DNS server, which is not there, can only be off.",
    flag: .option("--dns-enabled", valueName: "bool"))
}

extension SettingValues<DataplaneSettings> {
  /// Reads the settings: an option wins over the environment. Empty text counts as not given, as in Kuma.
  ///
  /// - Parameter flags: what the command line gives, by the settings' keys.
  /// - Throws: ``LaunchFailure`` naming the option or variable with a text that is wrong.
  init(flags: [String: String], environment: [String: String]) throws(LaunchFailure) {
    do {
      try self.init([
        .flags(flags.filter { !$0.value.isEmpty }), .environment(environment.filter { !$0.value.isEmpty }),
      ])
    } catch {
      throw LaunchFailure(.badSetting, error.description, cause: error)
    }
  }

  /// What is given for one of two settings that say the same in different ways; options count before variables.
  ///
  /// - Throws: ``LaunchFailure`` when both are given in the same way.
  func oneOf(
    _ first: KeyPath<DataplaneSettings, Setting<String?>>, _ second: KeyPath<DataplaneSettings, Setting<String?>>
  ) throws(LaunchFailure) -> (setting: KeyPath<DataplaneSettings, Setting<String?>>, given: GivenSetting)? {
    let all = [first, second].compactMap { setting in given(setting).map { (setting: setting, given: $0) } }
    let options = all.filter(\.given.isFlag)
    let candidates = options.isEmpty ? all : options
    if candidates.count > 1 {
      throw LaunchFailure(
        .badSetting,
        "\(candidates[0].given.place) and \(candidates[1].given.place) cannot both be given; leave one of them out")
    }
    return candidates.first
  }
}

extension SettingFormat<ControlPlaneAddress> {
  /// The address of a control plane.
  fileprivate static var address: Self {
    Self { text throws(SettingFault) in
      do throws(ControlPlaneError) {
        return try ControlPlaneAddress(text)
      } catch {
        throw SettingFault(text, "is not an address such as https://localhost:5678: \(error.reason)")
      }
    }
  }
}

extension SettingFormat<UInt32?> {
  /// A number of threads. Kuma counts 0 as not given.
  fileprivate static var threads: Self {
    Self("is not a number of threads; give one from 0 to 4294967295") { text in
      UInt32(text).map { $0 == 0 ? nil : $0 }
    }
  }
}

extension SettingFormat<UInt16?> {
  /// A port, or nothing.
  fileprivate static var optionalPort: Self {
    Self("is not a port; give a number from 0 to 65535") { $0.isEmpty ? .some(nil) : UInt16($0).map(Optional.some) }
  }
}

extension SettingFormat<String?> {
  /// One of Envoy's words for levels of its log, or nothing.
  fileprivate static var envoyLogLevel: Self { checked(by: EnvoyLogLevels.fault(ofLevel:)) }

  /// Levels of components of Envoy, in the form of Envoy's option, or nothing.
  fileprivate static var envoyComponentLogLevel: Self { checked(by: EnvoyLogLevels.fault(ofComponentLevels:)) }

  private static func checked(by fault: @escaping @Sendable (String) -> String?) -> Self {
    Self { text throws(SettingFault) in
      if let fault = fault(text) { throw SettingFault(text, fault) }
      return text.isEmpty ? nil : text
    }
  }
}
