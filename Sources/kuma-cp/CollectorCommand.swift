import ArgumentParser
import Foundation
import HTTPService
import Logging
import MeshModel
import ProgramLog
import ProgramSettings
import Systemd

extension KumaControlPlane {
  /// `kuma-cp collector`.
  struct Collector: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run the trace collector alone, without a control plane, until it is interrupted.",
      discussion: """
        Takes spans from Zipkin's tracers (POST /api/v2/spans in JSON or protobuf, POST /api/v1/spans in JSON) and from \
        OpenTelemetry's exporters (OTLP over HTTP and over gRPC), keeps them in SQLite, and answers \
        Zipkin's queries with a page to look at them.

        It is the collector of `kuma-cp run`, with the same settings: defaults < --config-file < environment < flags; \
        `kuma-cp settings` lists them all.
        """)

    @Option(
      name: [.customLong("config-file"), .customShort("c")],
      help: ArgumentHelp("Configuration file in YAML.", valueName: "file"), completion: .file())
    var configFile: String?

    @OptionGroup var settings: SettingFlags<CollectorFlags>

    func run() async throws {
      var flags = settings.values
      // This command always runs the collector, even if a configuration file shared with a control plane disables it.
      flags[CollectorSettings.key(\.enabled)] = "true"
      try await KumaControlPlane.run(file: configFile, flags: flags) { configuration, inherited, logger in
        try await Pipeline.buildCollector(configuration, inherited: inherited, logger: logger)
      }
    }
  }

  /// The flags of `kuma-cp collector`.
  enum CollectorFlags: SettingFlagList {
    static let parsing = SingleValueParsingStrategy.next
    static let settings: [any AnySetting] = {
      let all = ControlPlaneSettings()
      let collector = all.collector
      return [
        all.workDir, collector.storeFile, collector.zipkinPort, collector.zipkinInterface, collector.otlpPort,
        collector.otlpEnabled, collector.otlpGRPCPort, collector.otlpGRPCEnabled, collector.otlpInterface,
        collector.maxAge, collector.maxSpans, collector.maxSize,
        collector.ingestTokensFile, collector.allowedOrigins, all.allowedHosts, all.logsRequests, all.logLevel,
        all.logFormat,
      ]
    }()
  }

  /// Loads the settings, builds the program and runs it. A failure is printed as a sentence on standard error.
  static func run(
    file: String?, flags: [String: String],
    _ build: @escaping @Sendable (ControlPlaneConfiguration, InheritedSockets, Logger) async throws -> Pipeline
  ) async throws {
    let environment = ProcessInfo.processInfo.environment
    let inherited = InheritedSockets.ofThisProcess(environment)
    let manager = ServiceManager(environment: environment)
    try await reportingFailure {
      let (configuration, warnings) = try ControlPlaneConfiguration.load(
        file: file, environment: environment, flags: flags)
      let logger = bootstrapLogging(configuration)
      for warning in warnings + manager.problems + inherited.problems { logger.warning("\(warning)") }
      let end = ForcedEnd(after: configuration.shutdownTimeout, logger: logger)
      guard
        let pipeline = try await StartInterruption.run(
          until: end.request, { try await build(configuration, inherited, logger) })
      else {
        logger.info("stopped before the start was complete")
        return
      }
      try await pipeline.run(until: end.request, manager: manager, orBy: end)
    }
  }

  /// The lines that this process writes, whatever clients do.
  static let logLines = LogLines(unlimited: [RequestService.requestSentence])

  private static func bootstrapLogging(_ configuration: ControlPlaneConfiguration) -> Logger {
    let level = configuration.logLevel
    switch configuration.logFormat {
    case .json:
      LoggingSystem.bootstrap { label in
        var handler = LimitedLogHandler(JSONLogHandler(label: label), logLines)
        handler.logLevel = level
        return handler
      }
    case .text:
      LoggingSystem.bootstrap { label in
        var handler = LimitedLogHandler(
          PrintableLogHandler(StreamLogHandler.standardError(label: label)), logLines)
        handler.logLevel = level
        return handler
      }
    }
    return Logger(label: "kuma-cp")
  }
}
