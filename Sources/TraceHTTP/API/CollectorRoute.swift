import HTTPService
import HTTPTypes
import TraceModel

/// An operation of the collector, with its handler. Everything that depends on a path is declared here.
struct CollectorRoute: Sendable {
  /// Answers a request.
  typealias Handler = @Sendable (CollectorAPI) -> (RoutedRequest) async throws(CollectorError) -> Answer

  /// The kind of client that sends a request.
  enum Sender: Sendable {
    /// A browser or another program that queries.
    case reader
    /// A tracer or a proxy. Its `Host` is not checked.
    case tracer
    /// An exporter of OpenTelemetry, which may also use a separate port.
    case exporter
    /// A control plane, which asks at the address to which its proxies send. Its `Host` is not checked.
    case controlPlane
  }

  /// The operation. Matching, the description of the API and metrics follow from it.
  var operation: Operation
  var sender = Sender.reader
  /// Whether the description of the API includes the route. It does not include the page's addresses.
  var isDescribed = true
  let handler: Handler
}

// MARK: Kinds of routes

extension CollectorRoute {
  /// A query.
  ///
  /// - Parameter canFail: whether the handler reads the store, and so can fail.
  static func get(
    _ path: String, _ summary: String, query: [Operation.Parameter] = [], types: [String] = [MediaType.json],
    canFail: Bool = true, _ handler: @escaping Handler
  ) -> CollectorRoute {
    var outcomes = [outcome(.ok, "The answer.", types)]
    let hasID = path.contains("{id}")
    if hasID || !query.isEmpty { outcomes.append(sentence(.badRequest, "A parameter is missing or invalid.")) }
    if hasID { outcomes.append(sentence(.notFound, "There is no such trace.")) }
    if canFail { outcomes.append(sentence(.serviceUnavailable, "The store cannot be read.")) }
    return CollectorRoute(
      operation: Operation(.get, path, summary, query: query, outcomes: outcomes), handler: handler)
  }

  /// A route that receives spans in one of Zipkin's formats, or in a file.
  static func spans(
    _ path: String, _ summary: String, _ types: [String], from sender: Sender, _ handler: @escaping Handler
  ) -> CollectorRoute {
    CollectorRoute(
      operation: Operation(
        .post, path, summary, accepts: types.map { Operation.Content($0) },
        outcomes: [
          outcome(
            .accepted, "The spans are stored; a body, if there is one, names those that were rejected.",
            [MediaType.json]),
          outcome(
            .badRequest, "No span was stored: JSON with an error for each span, or one sentence.",
            [MediaType.json, MediaType.textUTF8]),
          sentence(.contentTooLarge, "The request is too large."),
          sentence(.unsupportedMediaType, "The type or the encoding of the body is not supported."),
          sentence(.serviceUnavailable, "No span can be stored now."),
        ]), sender: sender, handler: handler)
  }

  /// An address of the page.
  ///
  /// - Parameter isExact: whether a slash at the end makes another address.
  static func page(_ path: String, isExact: Bool = false, _ handler: @escaping Handler) -> CollectorRoute {
    CollectorRoute(
      operation: Operation(.get, path, "Shows the page.", isExact: isExact), isDescribed: false, handler: handler)
  }

  static func outcome(_ status: HTTPResponse.Status, _ summary: String, _ types: [String]) -> Operation.Outcome {
    Operation.Outcome(status, summary, types.map { Operation.Content($0) })
  }

  /// An answer that is one sentence.
  static func sentence(_ status: HTTPResponse.Status, _ summary: String) -> Operation.Outcome {
    outcome(status, summary, [MediaType.textUTF8])
  }
}

// MARK: Parameters

extension Operation.Parameter {
  static let serviceName = Self(name: "serviceName", summary: "The service.", requiredExample: "frontend")

  static let endTs = Self(
    name: "endTs", summary: "The end of the time range, in milliseconds since 1970; now when absent.")
  static let lookback = Self(
    name: "lookback", summary: "The length of the time range, in milliseconds; a day when absent.")

  static let search =
    [
      Self(name: "serviceName", summary: "A service in the trace; the other conditions apply to its spans."),
      Self(name: "remoteServiceName", summary: "The service at the other end of a span."),
      Self(name: "spanName", summary: "The operation of a span."),
      Self(
        name: "annotationQuery", summary: "Tags with values, tags and annotations: http.method=GET and error."),
      Self(name: "minDuration", summary: "The shortest duration of a span in microseconds."),
      Self(name: "maxDuration", summary: "The longest duration of a span in microseconds."),
      Self(
        name: "maxTraceDuration",
        summary: "The longest duration of the whole trace in microseconds; not less than minDuration."),
      Self(name: "errorsOnly", summary: "Whether a span must have failed: true or false."), endTs, lookback,
      Self(name: "limit", summary: "The largest number of traces; 10 when absent."),
      Self(
        name: "canary", summary: "Whether the traces that the collector sends to itself are found too: true or false."),
    ]
}
