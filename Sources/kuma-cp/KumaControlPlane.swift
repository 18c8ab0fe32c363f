import ArgumentParser
import CProcess
import MeshModel

/// The control plane's command line.
@main
struct KumaControlPlane: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kuma-cp",
    abstract: "Control plane of the mesh: resources, HTTP API, configuration of proxies, trace collector.",
    version: "\(ProductVersion.product) \(ProductVersion.current)",
    subcommands: [Run.self, Collector.self, Settings.self, Version.self])

  static func main() async {
    process_check_output_at_exit()
    await main(nil)
  }

  /// `kuma-cp version`.
  struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")

    func run() { print("\(ProductVersion.product) \(ProductVersion.current)") }
  }

  /// `kuma-cp settings`.
  struct Settings: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List every setting: file key, environment variable, default.")

    func run() {
      for setting in Setting.all {
        let value = setting.defaultValue.isEmpty ? "(empty)" : setting.defaultValue
        print("\(setting.key)\n    \(setting.environmentVariable), default \(value)\n    \(setting.summary)")
      }
    }
  }

  /// `kuma-cp run`.
  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run the control plane until it is interrupted.",
      discussion: """
        Without any option everything listens on 127.0.0.1 and resources are kept in SQLite in the user's state directory.
        With --store postgres several control planes share a database: see the settings store.postgres.
        Settings come from defaults < --config-file < environment < flags; `kuma-cp settings` lists them all.
        """)

    @Option(name: [.customLong("config-file"), .customShort("c")], help: "Configuration file in YAML.")
    var configFile: String?

    @Option(
      name: .customLong("store"), help: ArgumentHelp("Where resources are kept.", valueName: "sqlite|postgres|memory"))
    var store: String?

    @Option(name: .customLong("work-dir"), help: "Directory of databases and certificates.")
    var workDir: String?

    @Option(name: .customLong("api-port"), help: "Port of the HTTP API (5681).")
    var apiPort: String?

    @Option(name: .customLong("dp-port"), help: "Port of the data plane server (5678).")
    var dpPort: String?

    @Option(name: .customLong("diagnostics-port"), help: "Port of /ready, /healthy and /metrics (5680).")
    var diagnosticsPort: String?

    @Option(name: .customLong("zipkin-port"), help: "Port of the trace collector and its page (9411).")
    var zipkinPort: String?

    @Flag(name: .customLong("no-collector"), help: "Do not run the embedded trace collector.")
    var noCollector = false

    @Option(name: .customLong("zone"), help: "Zone of this control plane.")
    var zone: String?

    @OptionGroup var otlp: OTLPOptions

    @OptionGroup var hosts: HostOptions

    @OptionGroup var logging: LoggingOptions

    private var flags: [Setting: (flag: String, value: String)] {
      var flags = otlp.flags
      flags.merge(logging.flags) { first, _ in first }
      flags.merge(hosts.flags) { first, _ in first }
      func add(_ setting: Setting, _ flag: String, _ value: String?) {
        if let value { flags[setting] = (flag, value) }
      }
      add(.storeType, "--store", store)
      add(.workDir, "--work-dir", workDir)
      add(.apiServerPort, "--api-port", apiPort)
      add(.dpServerPort, "--dp-port", dpPort)
      add(.diagnosticsPort, "--diagnostics-port", diagnosticsPort)
      add(.collectorPort, "--zipkin-port", zipkinPort)
      add(.collectorEnabled, "--no-collector", noCollector ? "false" : nil)
      add(.zoneName, "--zone", zone)
      return flags
    }

    func run() async throws {
      try await KumaControlPlane.run(file: configFile, flags: flags) { configuration, logger in
        try await Pipeline.build(configuration, logger: logger)
      }
    }
  }
}
