import MeshClient
import MeshModel

/// Finds the control plane of a command from its options.
struct Session {
  let options: GlobalOptions
  /// Whether a missing configuration file is made.
  private let makesConfiguration: Bool

  init(_ options: GlobalOptions, makesConfiguration: Bool = true) {
    self.options = options
    self.makesConfiguration = makesConfiguration
  }

  /// The configuration file.
  func configurationFile() throws -> ConfigurationFile {
    try ConfigurationFile(path: options.configFile, isStored: !options.noConfig, isMade: makesConfiguration)
  }

  /// The control plane that the configuration names as the active one.
  func client() throws -> ControlPlaneClient {
    let configuration = try configurationFile().configuration
    guard let controlPlane = configuration.active else {
      throw CommandFailure(
        "active Control Plane is not set. Use `kumactl config control-planes add` to add a Control Plane and make it "
          + "active", isUnconfirmed: true)
    }
    return try client(for: controlPlane)
  }

  /// A client of a control plane.
  func client(for controlPlane: KumactlConfiguration.ControlPlane) throws -> ControlPlaneClient {
    let address: ControlPlaneAddress
    do {
      address = try ControlPlaneAddress(controlPlane.url)
    } catch {
      throw CommandFailure("API Server URL is invalid: \(error.title)")
    }
    return ControlPlaneClient(
      address: address,
      settings: ControlPlaneClient.Settings(
        headers: [("user-agent", ProductVersion.userAgent(of: "kumactl"))] + controlPlane.headers,
        timeout: options.apiTimeout.duration, caFile: controlPlane.caCertFile,
        clientCertificate: controlPlane.clientCertificate, skipVerify: controlPlane.skipVerify, observer: observer))
  }

  /// Logs requests if the log level allows it.
  private var observer: (@Sendable (ControlPlaneClient.Exchange) -> Void)? {
    guard options.logLevel != "off" else { return nil }
    let showsBody = options.logLevel == "debug"
    return { exchange in
      let status = exchange.status.map { "status \($0)" } ?? "no answer"
      Console.notice(
        "\(exchange.method.rawValue) \(exchange.url): \(status), \(exchange.duration.wholeMilliseconds) ms")
      if showsBody, let body = exchange.body { Console.notice(Redaction.masked(json: body)) }
    }
  }
}
