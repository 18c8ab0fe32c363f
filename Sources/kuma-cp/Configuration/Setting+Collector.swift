extension Setting {
  static let collectorEnabled = Setting(
    key: "collector.enabled", defaultValue: "true", summary: "Whether the embedded trace collector and its page run.")
  static let collectorPort = Setting(
    key: "collector.zipkinPort", defaultValue: "9411",
    summary: "Port of the collector: Zipkin's API, OpenTelemetry's protocol, the page; 0 picks a free one.")
  static let collectorInterface = Setting(
    key: "collector.zipkinInterface", defaultValue: "127.0.0.1", summary: "Address on which the collector listens.")
  static let collectorOTLPEnabled = Setting(
    key: "collector.otlpEnabled", defaultValue: "true",
    summary: "Whether the collector also listens where OpenTelemetry's exporters send spans (OTLP over HTTP).")
  static let collectorOTLPPort = Setting(
    key: "collector.otlpPort", defaultValue: "4318",
    summary:
      "Port for OpenTelemetry's exporters; 0 picks a free one. If the default is taken, the program goes on without.")
  static let collectorOTLPInterface = Setting(
    key: "collector.otlpInterface", defaultValue: "127.0.0.1",
    summary: "Address on which the collector listens for OpenTelemetry's exporters.")
  static let collectorStoreFile = Setting(
    key: "collector.storeFile", defaultValue: "",
    summary: "SQLite file of the spans; empty for traces.db in the directory of databases.")
  static let collectorMaxAge = Setting(
    key: "collector.retention.maxAge", defaultValue: "168h", summary: "How long spans are kept; 0 for ever.")
  static let collectorMaxSpans = Setting(
    key: "collector.retention.maxSpans", defaultValue: "10000000",
    summary: "How many spans are kept, the oldest go first; 0 for any number.")
  static let collectorMaxSize = Setting(
    key: "collector.retention.maxSize", defaultValue: "4GiB",
    summary: "How large the spans' file may get, the oldest go first; 0 for any size.")
  static let collectorAllowedOrigins = Setting(
    key: "collector.allowedOrigins", defaultValue: "",
    summary: "Origins whose pages may use the collector from a browser, with commas between; * for all, empty for none."
  )
  static let collectorAutocompleteKeys = Setting(
    key: "collector.autocompleteKeys", defaultValue: "",
    summary: "Tags whose values are offered for searches, with commas between.")
  static let collectorBodySize = Setting(
    key: "collector.limits.bodySize", defaultValue: "10MiB",
    summary: "How large a request with spans may be, as it comes and unpacked.")
  static let collectorSpansPerRequest = Setting(
    key: "collector.limits.spansPerRequest", defaultValue: "20000", summary: "Spans in one request.")
  static let collectorTagsPerSpan = Setting(
    key: "collector.limits.tagsPerSpan", defaultValue: "512", summary: "Tags of one span.")
  static let collectorServices = Setting(
    key: "collector.limits.services", defaultValue: "10000",
    summary: "Different services that are listed; those used longest ago make room for others.")
  static let collectorWaitingSpans = Setting(
    key: "collector.limits.waitingSpans", defaultValue: "200000",
    summary: "Spans that may wait for the disk; senders of more are told to come again.")

  /// The collector's settings, in the order in which they are shown.
  static let ofCollector: [Setting] = [
    .collectorEnabled, .collectorPort, .collectorInterface, .collectorOTLPEnabled, .collectorOTLPPort,
    .collectorOTLPInterface, .collectorStoreFile, .collectorMaxAge, .collectorMaxSpans, .collectorMaxSize,
    .collectorAllowedOrigins, .collectorAutocompleteKeys, .collectorBodySize, .collectorSpansPerRequest,
    .collectorTagsPerSpan, .collectorServices, .collectorWaitingSpans,
  ]
}
