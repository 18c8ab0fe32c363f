import ArgumentParser

/// The options of `kuma-dp run`, as text: values are read together with those of the environment.
struct RunOptions: ParsableArguments {
  @Option(
    name: [.customShort("d"), .long], parsing: .unconditional,
    help: help("File with the Dataplane, YAML or JSON; - for standard input.", "none", .dataplaneFile, "file"),
    completion: .file())
  var dataplaneFile: String?

  @Option(parsing: .unconditional, help: help("The Dataplane itself, YAML or JSON.", "none", .dataplane, "yaml"))
  var dataplane: String?

  @Option(
    name: [.customShort("v"), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Variable that takes the place of {{ name }} in the Dataplane; may be given several times. Default: none.",
      valueName: "name=value"))
  var dataplaneVar: [String] = []

  @Option(
    parsing: .unconditional,
    help: help("Name of a Dataplane that the control plane has; only without a definition.", "none", .name, "name"))
  var name: String?

  @Option(
    parsing: .unconditional, help: help("Mesh of that Dataplane; only without a definition.", "default", .mesh, "mesh"))
  var mesh: String?

  @Option(
    parsing: .unconditional,
    help: help(
      "Address of the control plane's data plane server; http:// for plaintext.", "https://localhost:5678",
      .controlPlaneAddress, "url"))
  var cpAddress: String?

  @Option(
    parsing: .unconditional,
    help: help(
      "File with the certificate authority, PEM, by which the control plane is verified. Without one it is not.",
      "none", .caCertificateFile, "file"), completion: .file())
  var caCertFile: String?

  @Option(
    parsing: .unconditional,
    help: help("File with the token by which the proxy proves who it is.", "none", .tokenFile, "file"),
    completion: .file())
  var dataplaneTokenFile: String?

  @Option(parsing: .unconditional, help: help("That token itself.", "none", .token, "token"))
  var dataplaneToken: String?

  @Option(
    parsing: .unconditional,
    help: help(
      "Envoy's executable.", "$ENVOY, else envoy in PATH, beside kuma-dp, or in a .venv/bin above it", .binaryPath,
      "file"), completion: .file())
  var binaryPath: String?

  @Option(
    parsing: .unconditional,
    help: help(
      "Directory that Envoy's configuration is written to.", "a private temporary one, removed at the end",
      .configDirectory, "directory"), completion: .directory)
  var configDir: String?

  @Option(
    parsing: .unconditional,
    help: help("Number of Envoy's worker threads.", "one for each processor", .concurrency, "number"))
  var concurrency: String?

  @Option(
    parsing: .unconditional,
    help: help(
      "How long requests in flight may take when the proxy is told to end; 0 ends them, and forgets their spans.",
      "30s", .drainTime,
      "duration"))
  var drainTime: String?

  @Option(
    parsing: .unconditional,
    help: help(
      "Port of Envoy's administration interface on 127.0.0.1; 0 for none.",
      "the Dataplane's, else the control plane's choice or a free one", .adminPort, "port"))
  var adminPort: String?

  @Option(
    parsing: .unconditional,
    help: help(
      "How much Envoy tells: trace, debug, info, warning, error, critical or off.",
      "that of --log-level if given, else warning", .envoyLogLevel, "level"))
  var envoyLogLevel: String?

  @Option(
    parsing: .unconditional,
    help: help(
      "How much kuma-dp tells on standard error: trace, debug, info, warning, error or off.", "info", .logLevel,
      "level"))
  var logLevel: String?

  @Option(
    parsing: .unconditional,
    help: help("Kind of proxy; there is only one.", "dataplane", .proxyType, "dataplane"))
  var proxyType: String?

  @Option(
    parsing: .unconditional,
    help: help("For Kuma's command lines: the DNS server, which is not there, can only be off.", "false", .dns, "bool"))
  var dnsEnabled: String?

  /// The values that were given, by setting.
  var values: [Setting: String] {
    let all: [Setting: String?] = [
      .dataplaneFile: dataplaneFile, .dataplane: dataplane, .name: name, .mesh: mesh,
      .controlPlaneAddress: cpAddress, .caCertificateFile: caCertFile, .tokenFile: dataplaneTokenFile,
      .token: dataplaneToken, .binaryPath: binaryPath, .configDirectory: configDir, .concurrency: concurrency,
      .drainTime: drainTime, .adminPort: adminPort, .envoyLogLevel: envoyLogLevel, .logLevel: logLevel,
      .proxyType: proxyType, .dns: dnsEnabled,
    ]
    return all.compactMapValues { $0 }
  }

  private static func help(
    _ text: String, _ standard: String, _ setting: Setting, _ valueName: String
  ) -> ArgumentHelp {
    let variable = setting.variable.map { " Variable: \($0)." } ?? ""
    return ArgumentHelp("\(text) Default: \(standard).\(variable)", valueName: valueName)
  }
}
