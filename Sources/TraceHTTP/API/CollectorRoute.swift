/// One thing that the collector does, for a description of its API.
public struct CollectorRoute: Sendable {
  /// A parameter in the query.
  public struct Parameter: Sendable {
    /// Its name.
    public var name: String
    /// What it does, in a sentence.
    public var summary: String
    /// A value that is valid, of one that has to be there; nil of one that may be absent.
    public var requiredExample: String?
  }

  /// A way in which it answers.
  public struct Response: Sendable {
    /// The status of HTTP.
    public var status: Int
    /// When it is this one, in a sentence.
    public var summary: String
    /// The media types of its body; none if it has no body.
    public var types: [String]
  }

  /// `GET` or `POST`.
  public var method: String
  /// The path; `{id}` stands for the id of a trace.
  public var path: String
  /// What it does, in a sentence.
  public var summary: String
  /// The parameters that it knows.
  public var query: [Parameter]
  /// The media types of the bodies that it takes; none if it takes none.
  public var accepts: [String]
  /// How it answers.
  public var responses: [Response]
  /// Whether it is also served at the port for OpenTelemetry's exporters.
  public var isForExporters = false
}

extension CollectorRoute {
  /// Whether a path, its escapes not yet undone, is one of this route's.
  func matches(_ path: String) -> Bool {
    guard let hole = self.path.firstRange(of: "{id}") else { return path == self.path }
    return path.element(after: String(self.path[..<hole.lowerBound])) != nil
  }

  /// Everything but the page.
  public static let all: [CollectorRoute] = ingest + queries + analyses + exports + server

  private static let json = "application/json"
  private static let protobuf = "application/x-protobuf"
  private static let text = "text/plain; charset=utf-8"

  // MARK: Spans in

  private static let ingest: [CollectorRoute] = [
    spans("/api/v2/spans", "Stores spans in Zipkin's v2 format.", [json, protobuf]),
    spans("/api/v1/spans", "Stores spans in Zipkin's v1 format.", [json]),
    spans(
      "/api/import",
      "Stores a file of traces: Zipkin's, Jaeger's or OpenTelemetry's in JSON, or lines of these; it may be packed. The "
        + "answer names the traces.", [json, "application/x-ndjson", protobuf]),
    CollectorRoute(
      method: "POST", path: CollectorAPI.filePath,
      summary: "Reads a file of spans as /api/import does, stores nothing, and answers what the page shows of it.",
      query: [
        Parameter(name: "id", summary: "The trace that is answered as a tree; the only one when absent.")
      ], accepts: [json, protobuf],
      responses: [
        Response(status: 200, summary: "The traces that were in it, and one of them as a tree.", types: [json]),
        Response(status: 400, summary: "It holds no spans that can be read, or the id is none.", types: [text]),
        Response(status: 404, summary: "There is no such trace in it.", types: [text]),
        Response(status: 413, summary: "The file is too large.", types: [text]),
        Response(status: 415, summary: "The file is of a type or encoding that is not known.", types: [text]),
      ]),
    CollectorRoute(
      method: "POST", path: CollectorAPI.otlpPath, summary: "Stores spans in OpenTelemetry's protocol (OTLP).",
      query: [], accepts: [protobuf, json],
      responses: [
        Response(
          status: 200, summary: "An ExportTraceServiceResponse: all spans are on the disk but those it counts.",
          types: [protobuf, json]),
        Response(status: 400, summary: "Nothing could be used; a google.rpc.Status.", types: [protobuf, json]),
        Response(status: 413, summary: "The request is too large; a google.rpc.Status.", types: [protobuf, json]),
        Response(status: 415, summary: "The body is neither; a google.rpc.Status.", types: [json]),
        Response(
          status: 503, summary: "Nothing can be stored at the moment; a google.rpc.Status.", types: [protobuf, json]),
      ], isForExporters: true),
  ]

  private static func spans(_ path: String, _ summary: String, _ types: [String]) -> CollectorRoute {
    CollectorRoute(
      method: "POST", path: path, summary: summary, query: [], accepts: types,
      responses: [
        Response(
          status: 202, summary: "The spans are on the disk; a body is there only when it names some that are not.",
          types: [json]),
        Response(
          status: 400, summary: "None was stored: in JSON what is wrong with each, or in a sentence what is wrong.",
          types: [json, text]),
        Response(status: 413, summary: "The request is too large.", types: [text]),
        Response(status: 415, summary: "The body is of a type or encoding that is not known.", types: [text]),
        Response(status: 503, summary: "Nothing can be stored at the moment.", types: [text]),
      ])
  }

  // MARK: Queries

  private static func get(
    _ path: String, _ summary: String, _ query: [Parameter] = [], types: [String] = [json], canFail: Bool = true
  ) -> CollectorRoute {
    var responses = [Response(status: 200, summary: "The answer.", types: types)]
    let hasID = path.contains("{id}")
    if hasID || !query.isEmpty {
      responses.append(Response(status: 400, summary: "A parameter is missing or wrong.", types: [text]))
    }
    if hasID { responses.append(Response(status: 404, summary: "There is no such trace.", types: [text])) }
    if canFail { responses.append(Response(status: 503, summary: "The store cannot be read.", types: [text])) }
    return CollectorRoute(
      method: "GET", path: path, summary: summary, query: query, accepts: [], responses: responses)
  }

  private static let serviceName = Parameter(
    name: "serviceName", summary: "The service.", requiredExample: "frontend")

  private static let time = [
    Parameter(name: "endTs", summary: "The end of the time, in milliseconds since 1970; now when absent."),
    Parameter(name: "lookback", summary: "How long before the end it begins, in milliseconds; a day when absent."),
  ]

  private static let search =
    [
      Parameter(name: "serviceName", summary: "A service that took part; the other conditions are for its spans."),
      Parameter(name: "remoteServiceName", summary: "The service at the other end of a span."),
      Parameter(name: "spanName", summary: "The operation of a span."),
      Parameter(
        name: "annotationQuery", summary: "Tags with values, tags and annotations: http.method=GET and error."),
      Parameter(name: "minDuration", summary: "The length of a span in microseconds, at least."),
      Parameter(name: "maxDuration", summary: "The length of a span in microseconds, at most."),
      Parameter(
        name: "maxTraceDuration",
        summary: "The length of the whole trace in microseconds, at most; not less than minDuration."),
      Parameter(name: "errorsOnly", summary: "Whether a span must have failed: true or false."),
    ] + time + [Parameter(name: "limit", summary: "How many traces at most; 10 when absent.")]

  private static let queries: [CollectorRoute] = [
    get("/api/v2/services", "Lists the services.", canFail: false),
    get("/api/v2/spans", "Lists the operations of a service.", [serviceName], canFail: false),
    get(
      "/api/v2/remoteServices", "Lists the services at the other ends of a service's spans.", [serviceName],
      canFail: false),
    get("/api/v2/traces", "Finds traces, the newest first.", search),
    get(
      "/api/v2/traceMany", "Gives some traces.",
      [Parameter(name: "traceIds", summary: "The ids, with commas between.", requiredExample: "a,b")]),
    get("/api/v2/trace/{id}", "Gives a trace."),
    get(
      "/api/v2/dependencies", "Counts the calls between services.",
      [
        Parameter(name: "endTs", summary: time[0].summary, requiredExample: "1790812800000"), time[1],
      ]),
    get("/api/v2/autocompleteKeys", "Lists the tags whose values are offered.", canFail: false),
    get(
      "/api/v2/autocompleteValues", "Lists the values of such a tag.",
      [Parameter(name: "key", summary: "The tag.", requiredExample: "env")], canFail: false),
    get(
      "/api/summaries",
      "Finds traces, each in a line, as the page lists them; the answer has a cursor and says whether there are more.",
      search + [
        Parameter(
          name: "order",
          summary:
            "Which come first of all that match: newest (when absent), longest, spans (the most), errors (the most)."
        ),
        Parameter(name: "after", summary: "The cursor of an answer that is known: another one is waited for."),
        Parameter(name: "wait", summary: "How many seconds to wait for another answer, 30 at most; 0 when absent."),
      ]),
    get(
      "/api/trees/{id}",
      "Gives a trace as a tree, as the page shows it, with pieces that were probably broken off it, or the request that "
        + "it was probably begun for."),
  ]

  private static let analyses: [CollectorRoute] = [
    get("/api/graph", "Gives the services and the calls between them, with errors and latencies.", time),
    get(
      "/api/operations", "Gives the operations of a service, with errors and latencies.", [serviceName] + time),
    get("/api/propagation", "Says which services forward the headers of traces, and which break them.", time),
  ]

  private static let exports: [CollectorRoute] = [
    get("/api/export/zipkin", "Finds traces and gives them as a file, in Zipkin's v2 JSON.", search),
    get("/api/export/zipkin/{id}", "Gives a trace as a file, in Zipkin's v2 JSON."),
    get("/api/export/jaeger/{id}", "Gives a trace as a file that Jaeger's page opens."),
    get(
      "/api/export/html/{id}", "Gives a trace as a file that browsers show without a collector.",
      types: ["text/html; charset=utf-8"]),
  ]

  // MARK: The server

  private static let server: [CollectorRoute] = [
    CollectorRoute(
      method: "GET", path: "/health", summary: "Says whether spans can be stored and found.", query: [], accepts: [],
      responses: [
        Response(status: 200, summary: "They can.", types: [json]),
        Response(status: 503, summary: "They cannot; the answer says why.", types: [json]),
      ]),
    get("/info", "Says which version it is.", canFail: false),
    get("/metrics", "Gives Zipkin's counters in JSON.", canFail: false),
    get(
      "/prometheus", "Gives Zipkin's counters as Prometheus reads them.",
      types: ["text/plain; version=0.0.4; charset=utf-8"], canFail: false),
    get("/config.json", "Configures Zipkin's page.", canFail: false),
  ]
}
