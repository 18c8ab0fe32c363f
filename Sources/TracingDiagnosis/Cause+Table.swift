extension Cause {
  /// A row of the table.
  struct Row: Sendable {
    var name: String
    var title: String
    var limit: Int?
    var remedy: String

    init(_ name: String, _ title: String, within limit: Int?, _ remedy: String) {
      (self.name, self.title, self.limit, self.remedy) = (name, title, limit, remedy)
    }
  }

  /// The row of the cause. `docs/no-trace.md` has the same; a test compares the two.
  var row: Row {
    switch self {
    case .unknown:
      Row(
        "unknown", "What is known does not explain it", within: nil,
        "Read the evidence; what is missing there is named.")
    case .noPolicy:
      Row(
        "no-policy", "No TrafficTrace matches the proxy", within: 10,
        "Apply a TrafficTrace whose selector has tags of one inbound of the Dataplane, or kuma.io/service: \"*\".")
    case .overshadowed:
      Row(
        "overshadowed", "Another TrafficTrace applies instead", within: 10,
        "Make the selector of the wanted TrafficTrace more specific, or remove the one that applies.")
    case .backendUnknown:
      Row(
        "backend-unknown", "The mesh does not have the backend that the TrafficTrace names", within: 10,
        "Correct conf.backend of the TrafficTrace, or add the backend to tracing.backends of the Mesh.")
    case .noDefaultBackend:
      Row(
        "no-default-backend", "The TrafficTrace names no backend and the mesh has no default", within: 10,
        "Set tracing.defaultBackend of the Mesh, or conf.backend of the TrafficTrace.")
    case .noneExpected:
      Row(
        "none-expected", "The sampling lets no span be expected yet", within: 10,
        "Send more requests, or raise sampling of the backend.")
    case .notHTTP:
      Row(
        "not-http", "The listeners do not see HTTP", within: 10,
        "Set the tag kuma.io/protocol to http, http2 or grpc in the Dataplane of the service that is called.")
    case .noOutbound:
      Row(
        "no-outbound", "The caller's proxy has no outbound for the service", within: 10,
        "Add the service to networking.outbound of the caller's Dataplane, and call it at that address.")
    case .proxyOffline:
      Row(
        "proxy-offline", "The proxy is not connected any more", within: 10,
        "Start kuma-dp again, and look into its log for the reason why it ended.")
    case .neverConnected:
      Row(
        "never-connected", "The proxy has never connected", within: 10,
        "Start kuma-dp with the name and mesh of this Dataplane, and with the address of this control plane.")
    case .connectedElsewhere:
      Row(
        "connected-elsewhere", "The proxy is connected elsewhere, or another process has its name", within: 10,
        "Ask the control plane that is named; give each process of kuma-dp a name of its own.")
    case .configurationRejected:
      Row(
        "configuration-rejected", "Envoy rejected the configuration (NACK)", within: 10,
        "Remove what Envoy complains about; it keeps its earlier configuration until then.")
    case .acknowledgementOutstanding:
      Row(
        "acknowledgement-outstanding", "Envoy has not acknowledged the newest configuration", within: 20,
        "Wait a few seconds; if it lasts, look whether Envoy is overloaded or hangs, and restart the proxy.")
    case .otherConfiguration:
      Row(
        "other-configuration", "The Envoy that runs has another tracing configuration", within: 10,
        "Restart the proxy; if another program configures this Envoy too, let only one do it.")
    case .nameNotResolved:
      Row(
        "name-not-resolved", "The name of the collector does not resolve", within: 10,
        "Correct the host in the backend's url, or make the name known where the proxy runs.")
    case .connectionRefused:
      Row(
        "connection-refused", "The collector refuses connections", within: 10,
        "Start the collector, or correct host and port in the backend's url.")
    case .tlsFailed:
      Row(
        "tls-failed", "TLS with the collector fails", within: 10,
        "Compare the scheme of the backend's url, caCert and serverName with what the collector has.")
    case .answersOtherThanAccepted:
      Row(
        "answers-other-than-202", "The collector answers reports with other statuses than 202", within: 10,
        "Look up the status in the collector's log; only 202 means that spans were taken.")
    case .collectorSlow:
      Row(
        "collector-slow", "Reports to the collector time out", within: 20,
        "Look whether the collector is overloaded, or a firewall drops what is sent to it.")
    case .pathNotFound:
      Row(
        "path-not-found", "The collector does not know the path (404)", within: 10,
        "Correct the path in the backend's url; Zipkin's is /api/v2/spans.")
    case .bodyTooLarge:
      Row(
        "body-too-large", "Reports are too large for the collector (413)", within: 10,
        "Raise the collector's limit for bodies, or shorten what spans hold.")
    case .reportsOverflow:
      Row(
        "reports-overflow", "Envoy drops reports because too many wait", within: 10,
        "Make the collector faster, or lower sampling of the backend.")
    case .spansRefused:
      Row(
        "spans-refused", "The collector refused spans", within: 10, "Mend what the reason names.")
    case .pastTheProxy:
      Row(
        "past-the-proxy", "Requests reach the service without its proxy", within: 10,
        "Let the application listen at another port than the Dataplane's inbound, and callers use that of the inbound.")
    case .callersForbid:
      Row(
        "callers-forbid", "Callers ask that their requests are not traced", within: 10,
        "Remove x-b3-sampled: 0 or b3: 0 at the caller, or raise the sampling of the proxy that calls.")
    case .requestIDUntraceable:
      Row(
        "request-id-untraceable", "Envoy cannot trace by the x-request-id of the requests", within: 10,
        "Send an x-request-id that is a UUID, or none.")
    case .healthChecksOnly:
      Row(
        "health-checks-only", "All requests are health checks, which Envoy does not trace", within: 10,
        "Send a request that is none.")
    case .clockOff:
      Row(
        "clock-off", "The clock of the proxy's host is off", within: 10,
        "Synchronise the clock of the host; until then search at the time that is named.")
    case .wrongUnit:
      Row(
        "wrong-unit", "Times of spans are in the wrong unit", within: 10,
        "Send timestamp and duration in microseconds (Zipkin), or nanoseconds (OTLP).")
    case .otherServiceName:
      Row(
        "other-service-name", "Spans arrive under another service name", within: 10,
        "Search for the name that is given, or correct the tag kuma.io/service.")
    case .streamOpen:
      Row(
        "stream-open", "Requests are still open; a span is reported at the end", within: 10,
        "Wait until the stream ends.")
    case .envoyTooOld:
      Row(
        "envoy-too-old", "Envoy is older than what the backend needs", within: 10,
        "Run the version of Envoy that is named, or a later one.")
    case .removedByRetention:
      Row(
        "removed-by-retention", "The store has already removed the spans", within: 10,
        "Raise the retention of the trace store, or send a new request.")
    case .traceBroken:
      Row(
        "trace-broken", "Spans are stored, but traces are broken", within: 10,
        "Let the service forward the tracing headers; the view of broken traces says which.")
    case .fine: Row("fine", "Everything is fine", within: 10, "Nothing has to be done.")
    }
  }
}
