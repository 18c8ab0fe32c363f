import ArgumentParser
import HTTPService
import Logging
import ProgramSettings

/// The settings of the control plane, with Kuma's names where Kuma has the setting.
///
/// To add a setting, declare it here and use it as a field of ``ControlPlaneConfiguration``. To offer its flag, add it to the
/// flag list of a command (``KumaControlPlane/RunFlags``).
struct ControlPlaneSettings: SettingGroup {
  let apiPort = Setting(
    "apiServer.http.port", .port, default: "5681", "Port of the HTTP API; 0 picks a free one.",
    flag: .option("--api-port", valueName: "port", "Port of the HTTP API (5681)."))
  let apiInterface = Setting(
    "apiServer.http.interface", .host, default: "127.0.0.1", "Address on which the HTTP API listens.")
  let apiReadOnly = Setting<Bool?>(
    "apiServer.readOnly", .optionalTruth, default: "",
    "Whether the HTTP API refuses writes; empty for true on Kubernetes, false elsewhere.")
  let apiEncryption = APIEncryptionSettings()
  let apiOrigins = Setting(
    "apiServer.corsAllowedDomains", .origins, default: "",
    "Origins whose pages may use the HTTP API from a browser, such as https://gui.example:3000, with commas "
      + "between; * for all, empty for none.")
  let access = AccessSettings()
  let tokenValidation = TokenValidationSettings()
  let dataplanePort = Setting(
    "dpServer.port", .port, default: "5678",
    "Port of the data plane server: bootstrap and xDS, TLS and plaintext; 0 picks a free one.",
    flag: .option("--dp-port", valueName: "port", "Port of the data plane server (5678)."))
  let dataplaneInterface = Setting(
    "dpServer.interface", .host, default: "127.0.0.1", "Address on which the data plane server listens.")
  let proxyAuthentication = Setting<ControlPlaneConfiguration.ProxyAuthentication?>(
    "dpServer.authn.dpProxy.type", .optionalChoice(), default: "",
    "How proxies prove who they are: dpToken, a token that kumactl generate dataplane-token makes; serviceAccountToken, that of "
      + "the service account of their pod; or none. Empty for serviceAccountToken on Kubernetes; elsewhere for none where "
      + "the data plane server listens on loopback, else dpToken.")
  let issuesDataplaneTokens = Setting(
    "dpServer.authn.dpProxy.dpToken.enableIssuer", .truth, default: "true",
    "Whether the control plane issues dataplane tokens; false where all are made offline, with kumactl and a signing key."
  )
  let envoyMetricsEnabled = Setting(
    "dpServer.envoyMetrics.enabled", .truth, default: "false",
    "Whether Envoys send their statistics to the control plane whose kuma-dp does not tell them: those of Kuma's own. They send "
      + "all of them; docs/evidence.md says what that costs.")
  let envoyMetricsInterval = Setting(
    "dpServer.envoyMetrics.interval", .positiveDuration, default: "10s",
    "How often they do.")
  let diagnosticsPort = Setting(
    "diagnostics.serverPort", .port, default: "5680", "Port of /ready, /healthy and /metrics; 0 picks a free one.",
    flag: .option("--diagnostics-port", valueName: "port", "Port of /ready, /healthy and /metrics (5680)."))
  let diagnosticsInterface = Setting(
    "diagnostics.serverInterface", .host, default: "127.0.0.1", "Address on which diagnostics listen.")
  let environment = Setting<ControlPlaneConfiguration.Environment?>(
    "environment", .optionalChoice(), default: "",
    "Where the control plane runs: universal or kubernetes; empty for kubernetes with the store kubernetes, else universal."
  )
  let store = Setting<ControlPlaneConfiguration.StoreType>(
    "store.type", .choice, default: "sqlite", "Where resources are kept: sqlite, postgres, memory or kubernetes.",
    flag: .option("--store", valueName: "sqlite|postgres|memory|kubernetes", "Where resources are kept."))
  let postgres = PostgresSettings()
  let kubernetes = KubernetesSettings()
  let workDir = Setting(
    "general.workDir", .optionalText, default: "",
    "Directory of databases and certificates; empty for kuma-trace in the user's state directory.",
    flag: .option(
      "--work-dir", valueName: "directory", completion: .directory, "Directory of databases and certificates."))
  let allowedHosts = Setting(
    "general.allowedHosts", .hosts, default: "",
    "Names, beside localhost, this machine's and the certificate's, under which the HTTP API, diagnostics and the "
      + "collector's queries may be reached, such as cp.example or *.mesh.example, separated by commas; * for any.",
    flag: .option(
      "--allowed-hosts", valueName: "names",
      "Further names under which the servers may be reached, separated by commas, * for any."))
  let unprotectedListeners = Setting<[ControlPlaneConfiguration.Listener]>(
    "general.unprotectedListeners", .listeners, default: "",
    "Servers that may be reached from the network without TLS or without authentication: api, dataplane, collector, otlp, "
      + "separated by commas; empty for none.")
  let tlsCertificateFile = Setting(
    "general.tlsCertFile", .optionalText, default: "",
    "Certificate (PEM) of all servers, with its chain; empty for one that the control plane makes at the first start and "
      + "renews. It is read again when it changes.")
  let tlsKeyFile = Setting(
    "general.tlsKeyFile", .optionalText, default: "", "Key (PEM) that belongs to the certificate.")
  let limits = LimitSettings()
  let shutdownTimeout = Setting(
    "general.shutdownTimeout", .positiveDuration, default: "15s",
    "How long the program may take to end in order after SIGTERM or SIGINT: to answer what has arrived and to store what was "
      + "acknowledged. Then it ends at once, with a log line of what was still open.")
  let skipMeshCreation = Setting(
    "defaults.skipMeshCreation", .truth, default: "false",
    "Whether the mesh \"default\" is not created at the first start.")
  let zone = Setting(
    "multizone.zone.name", .text, default: "default", "Zone of this control plane: tag kuma.io/zone.",
    flag: .option("--zone", valueName: "name", "Zone of this control plane."))
  let deregistrationDelay = Setting(
    "xdsServer.dataplaneDeregistrationDelay", .duration, default: "10s",
    "How long a proxy that registered itself may be away before its Dataplane is removed.")
  let collector = CollectorSettings()
  let logsRequests = Setting(
    "log.requests", .truth, default: "false", "Whether each HTTP request is logged, with an id, at level info.",
    flag: .switch("--log-requests", gives: "true", "Log each HTTP request, with an id, at level info."))
  let logLevel = Setting<Logger.Level>(
    "log.level", .choice, default: "info", "Least level logged: trace, debug, info, warning, error.",
    flag: .option("--log-level", valueName: "trace|debug|info|warning|error", "Least level logged."))
  let logFormat = Setting<ControlPlaneConfiguration.LogFormat>(
    "log.format", .choice, default: "text", "How log lines are written: text or json.",
    flag: .option("--log-format", valueName: "text|json", "How log lines are written."))
}

extension SettingFormat<[ControlPlaneConfiguration.Listener]> {
  /// Names of servers.
  fileprivate static var listeners: Self {
    let names = ControlPlaneConfiguration.Listener.allCases.map(\.rawValue)
    let texts = SettingFormat<[String]>.list("is not one of \(names.joined(separator: ", "))", where: names.contains)
    return Self(fileForm: .list) { text throws(SettingFault) in
      try texts.read(text).compactMap(ControlPlaneConfiguration.Listener.init)
    }
  }
}

extension SettingFormat<[String]> {
  /// Origins of web pages, or `*`.
  static var origins: Self {
    list(
      "is not an origin; give one such as https://grafana.example:3000, without a path, or * for all",
      where: OriginRule.isOrigin)
  }

  /// Host names of a server.
  static var hosts: Self {
    list(
      "is not a host name; give one such as cp.example, without a port, or *.mesh.example for every name below, or * "
        + "for any", where: HostRule.isName)
  }
}
