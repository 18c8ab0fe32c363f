import HTTPService
import HTTPTypes
import TraceModel

/// One thing that the collector does: the operation, and what does it. Everything that depends on a path is declared here.
struct CollectorRoute: Sendable {
  /// Does it.
  typealias Handler = @Sendable (CollectorAPI) -> (RoutedRequest) async throws(CollectorError) -> Answer

  /// Who sends a request.
  enum Sender: Sendable {
    /// A browser or a program that asks.
    case reader
    /// A tracer or a proxy, which names the collector as it pleases.
    case tracer
    /// One of OpenTelemetry's exporters, which also has a port of its own.
    case exporter
  }

  /// What it is: matching, the description of the API and metrics follow from it.
  var operation: Operation
  var sender = Sender.reader
  /// Whether the description of the API has it; the page's addresses are no API.
  var isDescribed = true
  /// Does it.
  let handler: Handler
}

// MARK: Kinds of routes

extension CollectorRoute {
  /// A question.
  ///
  /// - Parameter canFail: whether the store is read.
  static func get(
    _ path: String, _ summary: String, query: [Operation.Parameter] = [], types: [String] = [MediaType.json],
    canFail: Bool = true, _ handler: @escaping Handler
  ) -> CollectorRoute {
    var outcomes = [outcome(.ok, "The answer.", types)]
    let hasID = path.contains("{id}")
    if hasID || !query.isEmpty { outcomes.append(sentence(.badRequest, "A parameter is missing or wrong.")) }
    if hasID { outcomes.append(sentence(.notFound, "There is no such trace.")) }
    if canFail { outcomes.append(sentence(.serviceUnavailable, "The store cannot be read.")) }
    return CollectorRoute(
      operation: Operation(.get, path, summary, query: query, outcomes: outcomes), handler: handler)
  }

  /// A way in for spans in one of Zipkin's formats, or in a file.
  static func spans(
    _ path: String, _ summary: String, _ types: [String], from sender: Sender, _ handler: @escaping Handler
  ) -> CollectorRoute {
    CollectorRoute(
      operation: Operation(
        .post, path, summary, accepts: types.map { Operation.Content($0) },
        outcomes: [
          outcome(
            .accepted, "The spans are on the disk; a body is there only when it names some that are not.",
            [MediaType.json]),
          outcome(
            .badRequest, "None was stored: in JSON what is wrong with each, or in a sentence what is wrong.",
            [MediaType.json, MediaType.textUTF8]),
          sentence(.contentTooLarge, "The request is too large."),
          sentence(.unsupportedMediaType, "The body is of a type or encoding that is not known."),
          sentence(.serviceUnavailable, "Nothing can be stored at the moment."),
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

  /// An answer of one sentence.
  static func sentence(_ status: HTTPResponse.Status, _ summary: String) -> Operation.Outcome {
    outcome(status, summary, [MediaType.textUTF8])
  }
}

// MARK: Parameters

extension Operation.Parameter {
  static let serviceName = Self(name: "serviceName", summary: "The service.", requiredExample: "frontend")

  static let endTs = Self(
    name: "endTs", summary: "The end of the time, in milliseconds since 1970; now when absent.")
  static let lookback = Self(
    name: "lookback", summary: "How long before the end it begins, in milliseconds; a day when absent.")

  static let search =
    [
      Self(name: "serviceName", summary: "A service that took part; the other conditions are for its spans."),
      Self(name: "remoteServiceName", summary: "The service at the other end of a span."),
      Self(name: "spanName", summary: "The operation of a span."),
      Self(
        name: "annotationQuery", summary: "Tags with values, tags and annotations: http.method=GET and error."),
      Self(name: "minDuration", summary: "The length of a span in microseconds, at least."),
      Self(name: "maxDuration", summary: "The length of a span in microseconds, at most."),
      Self(
        name: "maxTraceDuration",
        summary: "The length of the whole trace in microseconds, at most; not less than minDuration."),
      Self(name: "errorsOnly", summary: "Whether a span must have failed: true or false."), endTs, lookback,
      Self(name: "limit", summary: "How many traces at most; 10 when absent."),
    ]
}
