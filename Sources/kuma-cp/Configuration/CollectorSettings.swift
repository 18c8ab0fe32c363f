import ArgumentParser
import Foundation
import ProgramSettings
import TraceModel
import TraceStore

/// The settings of the trace collector, alone or in a control plane.
struct CollectorSettings: SettingGroup {
  let enabled = Setting(
    "collector.enabled", .truth, default: "true", "Whether the embedded trace collector and its page run.",
    flag: .switch("--no-collector", gives: "false", "Do not run the embedded trace collector."))
  let zipkinPort = Setting(
    "collector.zipkinPort", .port, default: "9411",
    "Port of the collector: Zipkin's API, OpenTelemetry's protocol, the page; 0 picks a free one.",
    flag: .option("--zipkin-port", valueName: "port", "Port of the trace collector and its page (9411)."))
  let zipkinInterface = Setting(
    "collector.zipkinInterface", .host, default: "127.0.0.1", "Address on which the collector listens.",
    flag: .option("--zipkin-interface", valueName: "address", "Address of Zipkin's API and the page (127.0.0.1)."))
  let otlpEnabled = Setting(
    "collector.otlpEnabled", .truth, default: "true",
    "Whether the collector also listens on the ports of OpenTelemetry's exporters.",
    flag: .switch("--no-otlp", gives: "false", "Do not listen for OpenTelemetry's exporters."))
  let otlpPort = Setting(
    "collector.otlpPort", .port, default: "4318",
    "Port for OpenTelemetry's exporters; 0 picks a free one. If the default port is in use, the program runs without it.",
    flag: .option("--otlp-port", valueName: "port", "Port for OpenTelemetry's exporters, OTLP over HTTP (4318)."))
  let otlpGRPCEnabled = Setting(
    "collector.otlpGrpcEnabled", .truth, default: "true",
    "Whether one of these ports is that of OTLP over gRPC.",
    flag: .switch("--no-otlp-grpc", gives: "false", "Do not listen for OpenTelemetry's exporters over gRPC."))
  let otlpGRPCPort = Setting(
    "collector.otlpGrpcPort", .port, default: "4317",
    "Port for OpenTelemetry's exporters over gRPC; 0 picks a free one. If the default port is in use, the program runs without it.",
    flag: .option("--otlp-grpc-port", valueName: "port", "Port for OpenTelemetry's exporters, OTLP over gRPC (4317)."))
  let otlpInterface = Setting(
    "collector.otlpInterface", .host, default: "127.0.0.1",
    "Address on which the collector listens for OpenTelemetry's exporters, on both ports.",
    flag: .option("--otlp-interface", valueName: "address", "Address for OpenTelemetry's exporters (127.0.0.1)."))
  let tlsEnabled = Setting<Bool?>(
    "collector.tlsEnabled", .optionalTruth, default: "",
    "Whether the ports of the collector take TLS, with the certificate of general.tlsCertFile. Then only clients on this machine "
      + "may do without. Empty for true on an address that others can reach, or where apiServer.authn.localhostIsAdmin is false, "
      + "else false.")
  let storeFile = Setting(
    "collector.storeFile", .optionalText, default: "",
    "SQLite file of the spans; empty for traces.db in the directory of databases.",
    flag: .option(
      "--store-file", valueName: "file", completion: .file(),
      "SQLite file of the spans (traces.db in the work directory)."))
  let maxAge = Setting(
    "collector.retention.maxAge", .duration, default: "168h", "How long spans are kept; 0 for ever.",
    flag: .option("--max-age", valueName: "duration", "How long spans are kept, such as 168h; 0 for ever."))
  let maxSpans = Setting(
    "collector.retention.maxSpans", .count(from: 0), default: "10000000",
    "How many spans are kept, the oldest are deleted first; 0 for any number.",
    flag: .option("--max-spans", valueName: "count", "How many spans are kept; 0 for any number."))
  let maxSize = Setting(
    "collector.retention.maxSize", .size(from: 0), default: "4GiB",
    "Largest size of the spans' file, the oldest spans are deleted first; 0 for any size.",
    flag: .option("--max-size", valueName: "size", "How large the file may get, such as 4GiB; 0 for any size."))
  let ingestTokensFile = Setting(
    "collector.ingestTokensFile", .optionalText, default: "",
    "File with tokens for sending spans, beside those in Secrets: a mesh and a token on each line. It is read again when it "
      + "changes.",
    flag: .option(
      "--ingest-tokens-file", valueName: "file", completion: .file(),
      "File with tokens for sending spans, a mesh and a token on each line."))
  let allowedOrigins = Setting(
    "collector.allowedOrigins", .origins, default: "",
    "Origins whose pages may use the collector from a browser, separated by commas; * for all, empty for none.",
    flag: .option(
      "--allowed-origins", valueName: "origins",
      "Origins whose pages may use the collector; separated by commas, * for all."))
  let canary = CanarySettings()
  let autocompleteKeys = Setting(
    "collector.autocompleteKeys", .list, default: "",
    "Tags whose values are offered for searches, separated by commas.")
  let privacy = PrivacySettings()
  let bodySize = Setting(
    "collector.limits.bodySize", .size(from: 1_024), default: "10MiB",
    "Largest request with spans, as received and decompressed.")
  let spansPerRequest = Setting(
    "collector.limits.spansPerRequest", .count(from: 1), default: "20000", "Spans in one request.")
  let tagsPerSpan = Setting("collector.limits.tagsPerSpan", .count(from: 1), default: "512", "Tags of one span.")
  let services = Setting(
    "collector.limits.services", .count(from: 1), default: "10000",
    "Services in lists; the least recently used ones are evicted beyond that.")
  let metricSeries = Setting(
    "collector.limits.metricSeries", .count(from: 0), default: "1000",
    "Series of the metrics of requests, and as many of those of calls; further ones count as other. 0 for no such metrics."
  )
  let waitingSpans = Setting(
    "collector.limits.waitingSpans", .count(from: 1), default: "200000",
    "Spans that may wait for the disk; further requests are told to retry.")
}

/// The settings of a trace collector, as its parts take them.
typealias CollectorConfiguration = SettingValues<CollectorSettings>

extension SettingValues<CollectorSettings> {
  /// The endpoint of Zipkin's API, the page, and everything else.
  var zipkin: ControlPlaneConfiguration.Endpoint { .init(host: self.zipkinInterface, port: self.zipkinPort) }

  /// The endpoint for OpenTelemetry's exporters; `nil` for none.
  var otlp: ControlPlaneConfiguration.Endpoint? {
    self.otlpEnabled ? .init(host: self.otlpInterface, port: self.otlpPort) : nil
  }

  /// The endpoint for OpenTelemetry's exporters over gRPC; `nil` for none.
  var otlpGRPC: ControlPlaneConfiguration.Endpoint? {
    self.otlpEnabled && self.otlpGRPCEnabled ? .init(host: self.otlpInterface, port: self.otlpGRPCPort) : nil
  }

  /// The endpoints of all ports.
  var endpoints: [ControlPlaneConfiguration.Endpoint] { [zipkin] + [otlp, otlpGRPC].compactMap(\.self) }

  /// The file of the database of spans.
  ///
  /// - Parameter directory: the work directory, which has it where no setting names another.
  func database(in directory: URL) -> String {
    self.storeFile ?? directory.appending(path: "traces.db").path(percentEncoded: false)
  }

  /// Whether the port was set explicitly. Then it is an error if the port is in use.
  var isOTLPPortGiven: Bool { given(\.otlpPort) != nil }
  /// The same of the port over gRPC.
  var isOTLPGRPCPortGiven: Bool { given(\.otlpGRPCPort) != nil }

  var retention: Retention {
    Retention(
      maximumSpans: self.maxSpans == 0 ? nil : self.maxSpans,
      maximumAge: self.maxAge == .zero ? nil : self.maxAge,
      maximumBytes: self.maxSize == 0 ? nil : self.maxSize)
  }

  var limits: CollectorLimits {
    var limits = CollectorLimits()
    limits.bodyBytes = self.bodySize
    limits.spansPerRequest = self.spansPerRequest
    limits.tagsPerSpan = self.tagsPerSpan
    limits.services = self.services
    limits.metricSeries = self.metricSeries
    limits.waitingSpans = self.waitingSpans
    return limits
  }
}
