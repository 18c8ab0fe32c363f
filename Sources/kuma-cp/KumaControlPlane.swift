import ArgumentParser
import CProcess
import MeshModel
import ProgramSettings

/// The control plane's command line.
@main
struct KumaControlPlane: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kuma-cp",
    abstract: "Control plane of the mesh: resources, HTTP API, configuration of proxies, trace collector.",
    version: VersionStatement.line(of: "kuma-cp"),
    subcommands: [
      Run.self, Collector.self, Backup.self, Restore.self, Migrate.self, Settings.self, Version.self,
    ])

  static func main() async {
    // One that comes before anybody listens would end the process in the middle of its start.
    process_hold_end_signals()
    process_check_output_at_exit()
    await main(nil)
  }

  /// `kuma-cp version`.
  struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")

    func run() { print(VersionStatement.line(of: "kuma-cp")) }
  }

  /// `kuma-cp settings`.
  struct Settings: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List every setting: file key, environment variable, default.")

    func run() {
      for setting in ControlPlaneSettings.all {
        let value = setting.defaultText.isEmpty ? "(empty)" : setting.defaultText
        print("\(setting.key)\n    \(setting.environmentVariable ?? ""), default \(value)\n    \(setting.summary)")
      }
    }
  }

  /// `kuma-cp run`.
  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run the control plane until it is interrupted.",
      discussion: """
        Without any option everything listens on 127.0.0.1, and SQLite in the user's state directory keeps resources. \
        With --store postgres several control planes share a database: see the settings store.postgres. With --store \
        kubernetes resources are custom resources of a cluster: see the settings store.kubernetes and runtime.kubernetes.

        Settings come from defaults < --config-file < environment < flags; `kuma-cp settings` lists them all.
        """)

    @Option(
      name: [.customLong("config-file"), .customShort("c")],
      help: ArgumentHelp("Configuration file in YAML.", valueName: "file"), completion: .file())
    var configFile: String?

    @OptionGroup var settings: SettingFlags<RunFlags>

    func run() async throws {
      try await KumaControlPlane.run(file: configFile, flags: settings.values) { configuration, inherited, logger in
        try await Pipeline.build(configuration, inherited: inherited, logger: logger)
      }
    }
  }
  /// The flags of `kuma-cp run`.
  enum RunFlags: SettingFlagList {
    static let parsing = SingleValueParsingStrategy.next
    static let settings: [any AnySetting] = {
      let all = ControlPlaneSettings()
      return [
        all.store, all.workDir, all.apiPort, all.apiEncryption.port, all.dataplanePort, all.diagnosticsPort,
        all.collector.zipkinPort,
        all.collector.enabled, all.zone, all.collector.otlpPort, all.collector.otlpEnabled,
        all.collector.otlpGRPCPort, all.collector.otlpGRPCEnabled, all.allowedHosts,
        all.kubernetes.kubeconfig, all.kubernetes.admissionPort, all.logsRequests, all.logLevel, all.logFormat,
      ]
    }()
  }
}
