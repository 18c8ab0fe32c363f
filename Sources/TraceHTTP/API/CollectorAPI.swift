public import HTTPService
public import HTTPTypes
import PrometheusMetrics
public import TraceAnalysis
import TraceFormats
public import TraceModel
public import TraceStore

/// The collector as HTTP sees it: spans in, Zipkin's queries and the page out. It knows requests and answers, no server.
///
/// Its paths are declared beside what answers them: ``routes``. Paths of Zipkin's are there with `/zipkin` before them too, as its page
/// asks for them.
public final class CollectorAPI: Sendable {
  /// What can be chosen.
  public struct Settings: Sendable {
    /// What `/info` tells.
    public var version = "unknown"
    /// Bounds what requests hold in memory beside their bodies; nil for no bound.
    public var memory: (any RequestMemory)?
    /// What `/prometheus` tells besides, in Prometheus' text format: about the servers that requests come through.
    public var serverMetrics: @Sendable () async -> String = { "" }

    /// The defaults.
    public init() {}
  }

  /// Why a request is refused before its body has been read.
  public enum Refusal: Sendable {
    /// The body is larger than ``CollectorLimits/bodyBytes``.
    case tooLarge
    /// Too many bodies are being read; the sender may try again.
    case overloaded
    /// It did not come in time. No exporter sends a request again that is answered 408, as it is usual, but one that is
    /// answered 503.
    case late
  }

  /// What is let in. Whoever reads the body should stop at ``CollectorLimits/bodyBytes``, and answer with
  /// ``refuse(_:because:)``.
  public let limits: CollectorLimits
  /// What is counted.
  public var metrics: CollectorMetrics { store.metrics }
  let store: any SpanStore
  let settings: Settings
  let clock: WallClock
  let refusals = RefusalAge()
  /// What is analysed of the spans that have been stored.
  let propagation: PropagationMonitor
  /// How senders of protobuf write their ids.
  let idSettling = IDSettling()
  /// Told after each commit.
  let changes = ChangeSignal(limit: CollectorAPI.waitersAtMost)
  /// Where large requests are read.
  let readingThreads: ReadingThreads

  /// Makes the collector of a store.
  ///
  /// - Parameter propagation: which analysis is asked who breaks traces; nil for one of its own, which follows the store.
  public convenience init(
    store: any SpanStore, propagation: PropagationMonitor? = nil, settings: Settings = Settings()
  ) {
    self.init(store: store, propagation: propagation, settings: settings, readingThreads: .shared)
  }

  init(
    store: any SpanStore, propagation: PropagationMonitor? = nil, settings: Settings = Settings(),
    readingThreads: ReadingThreads
  ) {
    self.store = store
    self.propagation = propagation ?? PropagationMonitor(clock: store.clock)
    self.readingThreads = readingThreads
    self.settings = settings
    limits = store.limits
    clock = store.clock
    if propagation == nil { self.propagation.follow(store) }
    store.observe { [changes] _ in changes.send() }
  }

  var brokenTraces: BrokenTraces { BrokenTraces(StoredTraces(store: store), propagation) }

  // MARK: Paths

  /// Everything that is served. Those that are asked for most often come first.
  static let routes: [CollectorRoute] =
    ingestRoutes + queryRoutes + analysisRoutes + exportRoutes + serverRoutes + pageRoutes

  private static let router = Router(routes.map(\.operation), headIsGet: true)

  /// Everything but the page, for the description of the API.
  ///
  /// - Parameters:
  ///   - server: where the collector is reached, such as `http://127.0.0.1:9411`; nil if it does not listen.
  ///   - exporterServer: where OpenTelemetry's exporters reach it too.
  package static func operations(at server: String?, forExportersAlsoAt exporterServer: String?) -> [Operation] {
    routes.filter(\.isDescribed).map { route in
      var operation = route.operation
      operation.servers = [server, route.sender == .exporter ? exporterServer : nil].compactMap(\.self)
      return operation
    }
  }

  /// The paths to which spans are sent by OpenTelemetry's exporters, in a list.
  package static let exporterPaths = routes.filter { $0.sender == .exporter }.map(\.operation.path)
    .joined(separator: ", ")

  /// The path and the query of a request. Zipkin serves its API also below the path of its page.
  private static func target(of request: HTTPRequest) -> RequestTarget {
    var target = RequestTarget(request.path ?? "/")
    if target.path.hasPrefix("/zipkin/api/") || target.path.hasPrefix("/zipkin/config.json") {
      target.path = target.path.dropFirst("/zipkin".count)
    }
    return target
  }

  /// Who sends what a POST to the request's path brings; nil if it brings nothing.
  private static func sender(of request: HTTPRequest) -> CollectorRoute.Sender? {
    guard case .found(let index, _) = router.match(.post, target(of: request).path) else { return nil }
    return routes[index].sender
  }

  /// Whether a request brings spans, or asks whether it may. Senders name the collector as they please.
  package static func takesSpans(_ request: HTTPRequest) -> Bool {
    guard request.method == .post || request.method == .options else { return false }
    let sender = sender(of: request)
    return sender == .tracer || sender == .exporter
  }

  // MARK: Answers

  /// Answers a request. Never throws, and answers everything.
  public func respond(to request: HTTPRequest, body: [UInt8] = []) async -> Answer {
    let target = Self.target(of: request)
    var answer: Answer
    switch Self.router.match(request.method, target.path) {
    case .none: answer = nothing(request, target)
    case .otherMethods(let methods):
      let isOTLP = Self.sender(of: request) == .exporter
      answer = isOTLP ? OTLPAnswer(request).methodNotAllowed(methods) : .methodNotAllowed(methods)
    case .found(let index, let parameters):
      let route = Self.routes[index]
      let routed = RoutedRequest(
        request, path: target.path, operation: route.operation, parameters: parameters,
        query: QueryParameters(target.query, decoding: .lenient), body: body)
      do throws(CollectorError) {
        answer = try await route.handler(self)(routed)
      } catch {
        answer = Answer(error, retryAfter: retryAfter(error))
      }
      answer.operation = route.operation.name
    }
    answer.finish()
    return answer
  }

  /// Answers a request at the port for OpenTelemetry's exporters, where nothing else is served.
  public func respondToOTLP(_ request: HTTPRequest, body: [UInt8] = []) async -> Answer {
    guard Self.sender(of: request) == .exporter else {
      let error = CollectorError(
        code: .notFound,
        message:
          "there is nothing at \(Self.target(of: request).path.prefix(256)); spans are sent to \(Self.exporterPaths)")
      var answer = OTLPAnswer(request).failure(error)
      answer.finish()
      return answer
    }
    return await respond(to: request, body: body)
  }

  /// The answer to a request whose body is not read.
  package func refuse(_ request: HTTPRequest, because refusal: Refusal) -> Answer {
    metrics.requests.increment()
    metrics.requestsFailed.increment()
    let error: CollectorError =
      switch refusal {
      case .tooLarge: bodyError
      case .overloaded: .overloaded
      case .late:
        CollectorError(
          code: .unavailable, message: "the request did not come in time; send it again, faster or in smaller parts")
      }
    let isOTLP = Self.sender(of: request) == .exporter
    let wait = retryAfter(error)
    var answer = isOTLP ? OTLPAnswer(request).failure(error, retryAfter: wait) : Answer(error, retryAfter: wait)
    answer.finish()
    return answer
  }

  /// The answer where there is nothing. A browser gets the page, which says so and what there is; a program gets a sentence.
  private func nothing(_ request: HTTPRequest, _ target: RequestTarget) -> Answer {
    let isOfPrograms = ["/api/", "/assets/", "/v1/", "/zipkin/api/"].contains { target.path.hasPrefix($0) }
    if request.method == .get || request.method == .head, !isOfPrograms,
      request.headerFields[.accept]?.lowercased().contains("text/html") == true
    {
      var answer = Answer(PageFiles.page, for: request)
      answer.status = .notFound
      return answer
    }
    return Answer(CollectorError(code: .notFound, message: "there is nothing at \(target.path.prefix(256))"))
  }

  /// When one who gets an error is to try again; of use only if that may help.
  func retryAfter(_ error: CollectorError) -> Int {
    error.code == .unavailable ? refusals.retryAfter(clock.milliseconds()) : 0
  }

  var bodyError: CollectorError {
    CollectorError(
      code: .tooLarge, message: "the body is larger than \(limits.bodyBytes) bytes; send fewer spans at once")
  }
}
