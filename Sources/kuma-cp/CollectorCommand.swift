import ArgumentParser
import Foundation
import Logging
import MeshModel
import ProgramLog

extension KumaControlPlane {
  /// `kuma-cp collector`.
  struct Collector: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run the trace collector alone, without a control plane, until it is interrupted.",
      discussion: """
        Takes spans from Zipkin's tracers (POST /api/v2/spans in JSON or protobuf, POST /api/v1/spans in JSON) and from
        OpenTelemetry's exporters (POST /v1/traces in protobuf or JSON, at both ports), keeps them in SQLite, and answers
        Zipkin's queries with a page to look at them. It is the collector of `kuma-cp run`, with the same settings:
        defaults < --config-file < environment < flags; `kuma-cp settings` lists them all.
        """)

    @Option(name: [.customLong("config-file"), .customShort("c")], help: "Configuration file in YAML.")
    var configFile: String?

    @Option(name: .customLong("work-dir"), help: "Directory of the database.")
    var workDir: String?

    @Option(name: .customLong("store-file"), help: "SQLite file of the spans (traces.db in the work directory).")
    var storeFile: String?

    @Option(name: .customLong("zipkin-port"), help: "Port of Zipkin's API and the page (9411).")
    var zipkinPort: String?

    @Option(name: .customLong("zipkin-interface"), help: "Address of Zipkin's API and the page (127.0.0.1).")
    var zipkinInterface: String?

    @OptionGroup var otlp: OTLPOptions

    @Option(name: .customLong("otlp-interface"), help: "Address for OpenTelemetry's exporters (127.0.0.1).")
    var otlpInterface: String?

    @Option(name: .customLong("max-age"), help: "How long spans are kept, such as 168h; 0 for ever.")
    var maxAge: String?

    @Option(name: .customLong("max-spans"), help: "How many spans are kept; 0 for any number.")
    var maxSpans: String?

    @Option(name: .customLong("max-size"), help: "How large the file may get, such as 4GiB; 0 for any size.")
    var maxSize: String?

    @Option(
      name: .customLong("allowed-origins"),
      help: "Origins whose pages may use the collector; commas between, * for all.")
    var allowedOrigins: String?

    @OptionGroup var hosts: HostOptions

    @OptionGroup var logging: LoggingOptions

    func run() async throws {
      var flags = otlp.flags
      flags.merge(hosts.flags) { first, _ in first }
      flags.merge(logging.flags) { first, _ in first }
      for (setting, flag, value) in [
        (Setting.workDir, "--work-dir", workDir), (.collectorStoreFile, "--store-file", storeFile),
        (.collectorPort, "--zipkin-port", zipkinPort), (.collectorInterface, "--zipkin-interface", zipkinInterface),
        (.collectorOTLPInterface, "--otlp-interface", otlpInterface), (.collectorMaxAge, "--max-age", maxAge),
        (.collectorMaxSpans, "--max-spans", maxSpans), (.collectorMaxSize, "--max-size", maxSize),
        (.collectorAllowedOrigins, "--allowed-origins", allowedOrigins),
      ] {
        if let value { flags[setting] = (flag, value) }
      }
      // Whoever runs it alone wants it, whatever a configuration file shared with a control plane says.
      flags[.collectorEnabled] = ("collector", "true")
      try await KumaControlPlane.run(file: configFile, flags: flags) { configuration, logger in
        try Pipeline.buildCollector(configuration, logger: logger)
      }
    }
  }

  /// Flags about who may come, of every command that runs servers.
  struct HostOptions: ParsableArguments {
    @Option(
      name: .customLong("allowed-hosts"),
      help: "Further names under which the servers may be reached; commas between, * for any.")
    var allowedHosts: String?

    var flags: [Setting: (flag: String, value: String)] {
      allowedHosts.map { [.allowedHosts: ("--allowed-hosts", $0)] } ?? [:]
    }
  }

  /// Flags about OpenTelemetry's port, of every command that runs a collector.
  struct OTLPOptions: ParsableArguments {
    @Option(name: .customLong("otlp-port"), help: "Port for OpenTelemetry's exporters, OTLP over HTTP (4318).")
    var otlpPort: String?

    @Flag(name: .customLong("no-otlp"), help: "Do not listen for OpenTelemetry's exporters.")
    var noOTLP = false

    var flags: [Setting: (flag: String, value: String)] {
      var flags: [Setting: (flag: String, value: String)] = [:]
      if let otlpPort { flags[.collectorOTLPPort] = ("--otlp-port", otlpPort) }
      if noOTLP { flags[.collectorOTLPEnabled] = ("--no-otlp", "false") }
      return flags
    }
  }

  /// Flags about logs.
  struct LoggingOptions: ParsableArguments {
    @Option(
      name: .customLong("log-level"),
      help: ArgumentHelp("Least level logged.", valueName: "trace|debug|info|warning|error"))
    var logLevel: String?

    @Option(name: .customLong("log-format"), help: ArgumentHelp("How log lines are written.", valueName: "text|json"))
    var logFormat: String?

    var flags: [Setting: (flag: String, value: String)] {
      var flags: [Setting: (flag: String, value: String)] = [:]
      if let logLevel { flags[.logLevel] = ("--log-level", logLevel) }
      if let logFormat { flags[.logFormat] = ("--log-format", logFormat) }
      return flags
    }
  }

  /// Reads the settings, puts a program together and runs it; a failure is a sentence on standard error.
  static func run(
    file: String?, flags: [Setting: (flag: String, value: String)],
    _ build: @escaping @Sendable (ControlPlaneConfiguration, Logger) async throws -> Pipeline
  ) async throws {
    // A file that may not grow any further (ulimit -f) is an error of the write that fails, and not the program's end.
    signal(SIGXFSZ, SIG_IGN)
    do {
      let (configuration, warnings) = try await ControlPlaneConfiguration.load(
        file: file, environment: ProcessInfo.processInfo.environment, flags: flags)
      let logger = bootstrapLogging(configuration)
      for warning in warnings { logger.warning("\(warning)") }
      guard let pipeline = try await StartInterruption.run({ try await build(configuration, logger) }) else {
        logger.info("stopped before the start was complete")
        return
      }
      try await pipeline.run()
    } catch let error as any CustomStringConvertible & Error {
      try? FileHandle.standardError.write(contentsOf: Data("Error: \(error.description.printableLines)\n".utf8))
      throw ExitCode(1)
    }
  }

  private static func bootstrapLogging(_ configuration: ControlPlaneConfiguration) -> Logger {
    let level = configuration.logLevel
    switch configuration.logFormat {
    case .json:
      LoggingSystem.bootstrap { label in
        var handler = JSONLogHandler(label: label)
        handler.logLevel = level
        return handler
      }
    case .text:
      LoggingSystem.bootstrap { label in
        var handler = PrintableLogHandler(StreamLogHandler.standardError(label: label))
        handler.logLevel = level
        return handler
      }
    }
    return Logger(label: "kuma-cp")
  }
}
