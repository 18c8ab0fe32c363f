import ArgumentParser
import Glibc
import Logging
import MeshClient
import MeshModel
import ProcessSupervisor
import ProgramSettings
import SystemErrors
import Systemd

/// `kuma-dp run`.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a proxy until it is stopped.",
    discussion: """
      The proxy is described by a Dataplane. Give it with --dataplane-file or --dataplane; it then exists as long as the \
      proxy runs. Or name one that the control plane has, with --name and --mesh. Every option can also be set by the \
      environment variable that its help names; an option wins.

      Ctrl-C, SIGTERM or a closed terminal ends Envoy once the requests in flight are answered, or --drain-time is over, \
      and the spans are sent. Sending them takes a second at most where the tracing backend has apiVersion auto, five \
      seconds elsewhere, and up to fifteen more while the collector does not answer. A second signal ends Envoy at once, \
      and so does the first without an administration interface. In a pod Envoy serves until no request has come for some \
      seconds, and everything ends within --drain-time, after which the kubelet kills it: terminationGracePeriodSeconds of \
      the pod has to be as long. SIGUSR2 has Envoy tell its clients to \
      go elsewhere, and go on. The exit code is Envoy's.

      Examples:
        kuma-dp run -d web.yaml
        kuma-dp run -d web.yaml -v name=web-1 -v port=8080
        kuma-dp run --name web-1 --cp-address http://localhost:5678
      """)

  @OptionGroup var definition: SettingFlags<DefinitionFlags>

  @Option(
    name: [.customShort("v"), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Value for the variable {{ name }} in the Dataplane; may be given several times. Default: none.",
      valueName: "name=value"))
  var dataplaneVar: [String] = []

  @OptionGroup var settings: SettingFlags<RunFlags>

  /// What the command line gives, by the settings' keys.
  var flags: [String: String] { definition.values.merging(settings.values) { first, _ in first } }

  func run() async throws {
    do throws(LaunchFailure) {
      try await run(environment: ChildProcess.currentEnvironment)
    } catch {
      FileAccess.write("Error: \(error.description.printableLines)\n".utf8, to: STDERR_FILENO)
      throw ExitCode(error.exitCode)
    }
  }

  private func run(environment: [String: String]) async throws(LaunchFailure) {
    // A reader of the log that goes away does not end the proxy.
    signal(SIGPIPE, SIG_IGN)
    let configuration = try LaunchConfiguration(
      SettingValues(flags: flags, environment: environment), variables: dataplaneVar,
      podName: PodName.name(in: environment))
    let signals: TerminationSignals
    do {
      signals = try TerminationSignals.install([.interrupt, .terminate, .hangUp, .quit, .user2])
    } catch {
      throw LaunchFailure(.badSetting, error.message, cause: error)
    }
    ControlPlaneClient.useOneThread()
    let logger = configuration.logLevel.logger(label: "kuma-dp")
    let manager = ServiceManager(environment: environment)
    for problem in manager.problems { logger.warning("\(problem)") }
    let run = ProxyRun(configuration: configuration, environment: environment, manager: manager, logger: logger)
    try await run(signals: signals)
  }

  /// The flags that give the Dataplane.
  enum DefinitionFlags: SettingFlagList {
    static let parsing = SingleValueParsingStrategy.unconditional
    static let settings: [any AnySetting] = {
      let all = DataplaneSettings()
      return [all.dataplaneFile, all.dataplane]
    }()
  }

  /// The other flags, of every setting that has one.
  enum RunFlags: SettingFlagList {
    static let parsing = SingleValueParsingStrategy.unconditional
    static let settings = DataplaneSettings.all.filter { setting in
      setting.flag != nil && !DefinitionFlags.settings.contains { $0.key == setting.key }
    }
  }
}
