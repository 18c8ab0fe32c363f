public import HTTPService
public import HTTPTypes
import PrometheusMetrics
public import TraceAnalysis
import TraceFormats
public import TraceModel
public import TraceStore

/// The collector's HTTP API as a value: it receives spans, answers Zipkin's queries and serves the page. It has no server.
///
/// The list ``routes`` has all paths; each is declared beside its handler. Zipkin's API is also served below `/zipkin`, where Zipkin's
/// page asks for it.
public final class CollectorAPI: Sendable {
  /// The settings of the API.
  public struct Settings: Sendable {
    /// The version that `/info` returns.
    public var version = "unknown"
    /// Limits the memory of requests beside their bodies; nil for no limit.
    public var memory: (any RequestMemory)?
    /// Metrics of the HTTP servers in Prometheus' text format, which `/prometheus` appends.
    public var serverMetrics: @Sendable () async -> String = { "" }
    /// What the page asks about meshes; nil where there is no control plane.
    package var meshes: MeshQueries?
    /// The canary of the collector.
    package var canary = Canary(interval: nil)

    /// The tags of proxies, by their nodes; those of unknown proxies are left out. They tell in which version or place traces break.
    public var proxyTags: @Sendable (_ nodes: [String]) async -> [String: [String: String]] = { _ in [:] }

    /// The defaults.
    public init() {}
  }

  /// Why the server refuses a request before it has received the body.
  public enum Refusal: Sendable {
    /// The body is larger than ``CollectorLimits/bodyBytes``.
    case tooLarge
    /// The server is receiving too many bodies; the sender may try again.
    case overloaded
    /// The request did not arrive in time. The answer is 503 instead of 408, because exporters retry only after 503.
    case late
  }

  /// The bounds on what senders may send. A server should stop receiving a body at ``CollectorLimits/bodyBytes``, and answer with
  /// ``refuse(_:because:)``.
  public let limits: CollectorLimits
  /// The store's counters.
  public var metrics: CollectorMetrics { store.metrics }
  let store: any SpanStore
  let settings: Settings
  let clock: WallClock
  let refusals = RefusalAge()
  /// The analysis of stored spans.
  let propagation: PropagationMonitor
  /// Detects and corrects reversed ids of senders of protobuf.
  let idSettling = IDSettling()
  /// The metrics of the requests that stored spans tell of.
  let requests: RequestMetrics
  /// What this collector says of itself.
  package let identity: ReceiverIdentity
  /// Who has sent spans.
  package let senders: Senders
  /// Notified after each commit.
  let changes = ChangeSignal(limit: CollectorAPI.waitersAtMost)
  /// Parse large requests.
  let readingThreads: ReadingThreads

  /// Makes the API of a store.
  ///
  /// - Parameter propagation: the analysis of stored spans; nil for a new one that follows the store.
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
    requests = RequestMetrics(of: store)
    self.readingThreads = readingThreads
    self.settings = settings
    identity = ReceiverIdentity(version: settings.version)
    limits = store.limits
    clock = store.clock
    senders = Senders(clock: store.clock, privacy: store.privacy)
    if propagation == nil { self.propagation.follow(store) }
    store.observe { [changes] _ in changes.send() }
  }

  var canary: Canary { settings.canary }

  var brokenTraces: BrokenTraces { BrokenTraces(StoredTraces(store: store), propagation) }

  // MARK: Paths

  /// All routes. The most frequent come first.
  static let routes: [CollectorRoute] =
    ingestRoutes + queryRoutes + analysisRoutes + exportRoutes + privacyRoutes + senderRoutes + serverRoutes
    + canaryRoutes + meshRoutes
    + receiverRoutes + pageRoutes

  private static let router = Router(routes.map(\.operation), headIsGet: true)

  /// All operations except the page, for the description of the API.
  ///
  /// - Parameters:
  ///   - server: the address of the collector, such as `http://127.0.0.1:9411`; nil if it does not listen.
  ///   - exporterServer: the address of the additional port for OpenTelemetry's exporters.
  package static func operations(at server: String?, forExportersAlsoAt exporterServer: String?) -> [Operation] {
    routes.filter(\.isDescribed).map { route in
      var operation = route.operation
      operation.servers = [server, route.sender == .exporter ? exporterServer : nil].compactMap(\.self)
      return operation
    }
  }

  /// The paths to which OpenTelemetry's exporters send spans, separated by commas.
  package static let exporterPaths = routes.filter { $0.sender == .exporter }.map(\.operation.path)
    .joined(separator: ", ")

  /// The path and the query of a request, without Zipkin's prefix.
  private static func target(of request: HTTPRequest) -> RequestTarget {
    var target = RequestTarget(request.path ?? "/")
    if target.path.hasPrefix("/zipkin/api/") || target.path.hasPrefix("/zipkin/config.json") {
      target.path = target.path.dropFirst("/zipkin".count)
    }
    return target
  }

  /// The kind of client that sends to the request's path with a method, by default POST; nil if the path has no such operation.
  private static func sender(of request: HTTPRequest, _ method: HTTPRequest.Method = .post) -> CollectorRoute.Sender? {
    guard case .found(let index, _) = router.match(method, target(of: request).path) else { return nil }
    return routes[index].sender
  }

  /// Whether a request is for the path of OpenTelemetry's exporters, with any method.
  static func isForExporters(_ request: HTTPRequest) -> Bool { sender(of: request) == .exporter }

  /// The name of the operation that a request would run; nil if it runs none.
  package static func operation(of request: HTTPRequest) -> String? {
    guard case .found(let index, _) = router.match(request.method, target(of: request).path) else { return nil }
    return routes[index].operation.name
  }

  /// The same at the port for OpenTelemetry's exporters.
  package static func operationForExporters(of request: HTTPRequest) -> String? {
    isForExporters(request) ? operation(of: request) : nil
  }

  /// The names of all operations, and of those at the port for OpenTelemetry's exporters.
  package static let operationNames = (
    all: routes.map(\.operation.name), ofExporters: routes.filter { $0.sender == .exporter }.map(\.operation.name)
  )

  /// Whether a request may name the collector as it pleases: it sends spans, or asks for a control plane who receives them, or is
  /// the preflight of such a request.
  package static func acceptsAnyHost(_ request: HTTPRequest) -> Bool {
    let sender = sender(of: request, request.method == .options ? .post : request.method)
    return sender.map { $0 != .reader } ?? false
  }

  /// Whether a request sends spans, or is the preflight of such a request.
  package static func takesSpans(_ request: HTTPRequest) -> Bool {
    guard request.method == .post || request.method == .options else { return false }
    let sender = sender(of: request)
    return sender == .tracer || sender == .exporter
  }

  // MARK: Answers

  /// Answers a request.
  public func respond(to request: HTTPRequest, body: [UInt8] = []) async -> Answer {
    let target = Self.target(of: request)
    var answer: Answer
    switch Self.router.match(request.method, target.path) {
    case .none: answer = nothing(request, target)
    case .otherMethods(let methods):
      let isOTLP = Self.isForExporters(request)
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

  /// Answers a request at the port for OpenTelemetry's exporters, which has no other paths.
  public func respondToOTLP(_ request: HTTPRequest, body: [UInt8] = []) async -> Answer {
    guard Self.isForExporters(request) else {
      let error = CollectorError(
        code: .notFound,
        message:
          "there is nothing at \(Self.target(of: request).path.prefix(256)); send spans to \(Self.exporterPaths)")
      var answer = OTLPAnswer(request).failure(error)
      answer.finish()
      return answer
    }
    return await respond(to: request, body: body)
  }

  /// The answer to a request that the server refuses before it has received the body.
  package func refuse(_ request: HTTPRequest, because refusal: Refusal) -> Answer {
    metrics.requests.increment()
    metrics.requestsFailed.increment()
    let error: CollectorError =
      switch refusal {
      case .tooLarge: bodyError
      case .overloaded: .overloaded
      case .late:
        CollectorError(
          code: .unavailable, message: "the request did not arrive in time; send it again, faster or in smaller parts")
      }
    if Self.takesSpans(request) {
      noteUnreadable(request, nil, Answer(error, retryAfter: 0).status, because: error.message)
    }
    let isOTLP = Self.isForExporters(request)
    let wait = retryAfter(error)
    var answer = isOTLP ? OTLPAnswer(request).failure(error, retryAfter: wait) : Answer(error, retryAfter: wait)
    answer.finish()
    return answer
  }

  /// The answer for an unknown path. A browser gets the page, which shows links; a program gets a sentence.
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

  /// How many seconds the sender should wait after an error; 0 if a retry does not help.
  func retryAfter(_ error: CollectorError) -> Int {
    error.code == .unavailable ? refusals.retryAfter(clock.milliseconds()) : 0
  }

  var bodyError: CollectorError {
    CollectorError(
      code: .tooLarge,
      message:
        "the body is larger than \(limits.bodyBytes) bytes; send fewer spans at once, or raise collector.limits.bodySize"
    )
  }
}
