public import HTTPTypes
import PrometheusMetrics
public import TraceAnalysis
import TraceFormats
public import TraceModel
public import TraceStore

/// The collector as HTTP sees it: spans in, Zipkin's queries and the page out. It knows requests and answers, no server.
///
/// | Path | Answer |
/// |---|---|
/// | `POST /api/v2/spans`, `POST /api/v1/spans` | stores Zipkin's spans, of the second and the first format |
/// | `POST /v1/traces` | stores OpenTelemetry's spans |
/// | `POST /api/import` | stores what a query answered |
/// | `POST /api/trees` | reads a file of spans for the page, and stores nothing |
/// | `GET /api/v2/…` | Zipkin's v2 queries |
/// | `GET /api/export/…` | traces as files, for Zipkin and for Jaeger |
/// | `GET /api/summaries`, `GET /api/trees/{id}` | what the page shows |
/// | `GET /api/graph`, `GET /api/operations` | the calls between services, and what a service does |
/// | `GET /api/propagation` | which services pass on traces |
/// | `GET /api/export/html/{id}` | a trace as a file that browsers show without a collector |
/// | `GET /`, `/traces/{id}`, `/compare/{id}/{id}`, `/graph`, `/services/{name}`, `/propagation`, `/file`, `/assets/…` | the page |
/// | `GET /health`, `/info`, `/metrics`, `/prometheus`, `/config.json` | what it says about itself |
///
/// Paths of Zipkin's are there with `/zipkin` before them too, as its page asks for them.
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
  let store: SpanStore
  let settings: Settings
  let clock: WallClock
  let refusals = RefusalAge()
  /// What is analysed of the spans that have been stored.
  let propagation: PropagationMonitor
  /// Told after each commit.
  let changes = ChangeSignal(limit: CollectorAPI.waitersAtMost)
  /// Where large requests are read.
  let readingThreads: ReadingThreads

  /// Makes the collector of a store.
  ///
  /// - Parameter propagation: which analysis is asked who breaks traces; nil for one of its own, which follows the store.
  public convenience init(
    store: SpanStore, propagation: PropagationMonitor? = nil, settings: Settings = Settings()
  ) {
    self.init(store: store, propagation: propagation, settings: settings, readingThreads: .shared)
  }

  init(
    store: SpanStore, propagation: PropagationMonitor? = nil, settings: Settings = Settings(),
    readingThreads: ReadingThreads
  ) {
    self.store = store
    self.propagation = propagation ?? PropagationMonitor(clock: store.settings.clock)
    self.readingThreads = readingThreads
    self.settings = settings
    limits = store.settings.limits
    clock = store.settings.clock
    if propagation == nil { self.propagation.follow(store) }
    store.observe { [changes] _ in changes.send() }
  }

  var brokenTraces: BrokenTraces { BrokenTraces(StoredTraces(store: store), propagation) }

  /// Answers a request. Never throws, and answers everything.
  public func respond(to request: HTTPRequest, body: [UInt8] = []) async -> (HTTPResponse, [UInt8]) {
    do throws(CollectorError) {
      return try await route(request, body).rendered(for: request)
    } catch {
      return Answer(error, retryAfter: retryAfter(error)).rendered(for: request)
    }
  }

  /// Whether a request brings spans, or asks whether it may. Senders name the collector as they please.
  public static func takesSpans(_ request: HTTPRequest) -> Bool {
    guard request.method == .post || request.method == .options else { return false }
    let path = parameters(of: request).path
    return path == otlpPath || path == "/api/v2/spans" || path == "/api/v1/spans"
  }

  /// The answer to a request whose body is not read.
  public func refuse(_ request: HTTPRequest, because refusal: Refusal) -> (HTTPResponse, [UInt8]) {
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
    let isOTLP = Self.parameters(of: request).path == Self.otlpPath
    let wait = retryAfter(error)
    let answer = isOTLP ? OTLPAnswer(request).failure(error, retryAfter: wait) : Answer(error, retryAfter: wait)
    return answer.rendered(for: request)
  }

  /// When one who gets an error is to try again; of use only if that may help.
  func retryAfter(_ error: CollectorError) -> Int {
    error.code == .unavailable ? refusals.retryAfter(clock.milliseconds()) : 0
  }

  var bodyError: CollectorError {
    CollectorError(
      code: .tooLarge, message: "the body is larger than \(limits.bodyBytes) bytes; send fewer spans at once")
  }

  private func route(_ request: HTTPRequest, _ body: [UInt8]) async throws(CollectorError) -> Answer {
    let parameters = Self.parameters(of: request)
    let path = parameters.path
    if path == Self.otlpPath { return await storeOTLP(request, body) }
    switch request.method {
    case .post:
      if path == Self.filePath {
        return try await withTaskExecutorPreference(readingThreads) { () async throws(CollectorError) in
          try self.file(request, body, parameters)
        }
      }
      guard let format = try format(path: path, request) else { break }
      return try await store(request, body, as: format) { format == .file ? Answer(file: $0) : Answer($0) }
    case .get, .head:
      if let answer = try await query(parameters) { return answer }
      if let answer = try await export(parameters) { return answer }
      if let answer = await server(path) { return answer }
      let knownTags = request.headerFields[.ifNoneMatch]
      let acceptsGzip = PageFiles.takesGzip(request.headerFields[.acceptEncoding])
      if let address = OldAddress(autocompleteKeys: store.settings.autocompleteKeys, now: clock.milliseconds())
        .present(parameters)
      {
        return Self.guarded(Answer(redirectTo: address))
      }
      if let answer = page(path, knownTags: knownTags, acceptsGzip: acceptsGzip) { return answer }
      guard Self.writeOnly.contains(path) else {
        let types = request.headerFields[.accept]
        if let answer = missingPage(path, accepting: types, acceptsGzip: acceptsGzip) { return answer }
        throw CollectorError(code: .notFound, message: "there is nothing at \(path.prefix(256))")
      }
    default: break
    }
    guard CollectorRoute.all.contains(where: { $0.matches(path) }) || page(path) != nil else {
      throw CollectorError(code: .notFound, message: "there is nothing at \(path.prefix(256))")
    }
    if Self.writeOnly.contains(path) { return Answer.methodNotAllowed("POST") }
    return Answer.methodNotAllowed(path == "/api/v2/spans" ? "GET, HEAD, POST" : "GET, HEAD")
  }

  /// Where files of spans are stored.
  static let importPath = "/api/import"

  private static let writeOnly: Set<String> = ["/api/v1/spans", importPath, filePath]

  /// The path and the parameters of a request.
  static func parameters(of request: HTTPRequest) -> QueryParameters {
    var parameters = QueryParameters(withoutPrefix(request.path ?? "/"))
    parameters.dropSlash()
    return parameters
  }

  /// Zipkin serves its API also below the path of its page.
  private static func withoutPrefix(_ target: String) -> String {
    target.hasPrefix("/zipkin/api/") || target.hasPrefix("/zipkin/config.json")
      ? String(target.dropFirst("/zipkin".count)) : target
  }
}
