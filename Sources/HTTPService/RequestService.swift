public import HTTPTypes
public import Logging
public import NIOCore
import NIOHTTP1

/// The configuration and state that all connections of a listener share.
///
/// The responder gets complete requests and returns complete answers. It has no access to the connection.
public struct RequestService: Sendable {
  /// Answers a complete request of a caller. The body of an answer to HEAD is not sent.
  public typealias Responder = @Sendable (HTTPRequest, [UInt8], Caller) async -> Answer
  /// Makes the answer for a refusal; nil for the default, a sentence of plain text.
  public typealias RefusalWording = @Sendable (HTTPRequest, RequestRefusal) -> Answer?

  /// Which host names and pages may use the server.
  public var callers: CallerRule
  /// Decides who may send which request; nil for a server that does not ask who is there.
  public var access: (any RequestAccess)?
  /// The largest body, in bytes.
  public var bodyLimit: Int
  /// A smaller limit for bodies of some requests; nil for ``bodyLimit``.
  public var smallerBodyLimit: @Sendable (HTTPRequest) -> Int? = { _ in nil }
  /// The budget for bodies. Bytes are reserved from their arrival until the request is answered.
  public var bodies: ByteBudget
  /// The budget for heads. It is separate, so that small requests are accepted while large ones are refused.
  public var heads: ByteBudget
  /// Limits the number of connections.
  public let connections: ConnectionBudget
  /// Limits how many requests a client sends in a second; nil for no limit.
  package var rates: RequestRates?
  /// Whether a request counts for ``rates``. Senders of spans have other limits, because they give up after 429.
  package var limitsRate: @Sendable (HTTPRequest) -> Bool = { _ in true }
  /// The deadlines for requests and answers.
  public var limits = ReceiptLimits()
  /// Runs the responder; nil for the threads that all tasks share.
  public var executor: (any TaskExecutor)?
  /// Counts requests, refusals and closed connections.
  public let counts: ListenerCounts
  let running = RunningRequests()
  /// Whether the server ends.
  let ending = ServerEnding()
  /// Logs the reasons of ``access``.
  let refusals: RefusalLog
  /// Logs requests, and each kind of refusal at most once a minute.
  public var logger: Logger
  /// The level at which the log has a line for each request.
  public var requestLogLevel: Logger.Level
  /// The settings that refusals name.
  public var settings = SettingNames()
  /// Makes the answers for refusals.
  public var refusalWording: RefusalWording = { _, _ in nil }
  /// Answers requests.
  public var responder: Responder

  /// The names of settings for messages.
  public struct SettingNames: Sendable {
    /// The setting that allows further hosts.
    public var hosts: String
    /// The setting that allows origins; nil if no page may use the server.
    public var origins: String?

    /// Makes the names.
    public init(hosts: String = "of allowed hosts", origins: String? = nil) {
      self.hosts = hosts
      self.origins = origins
    }
  }

  /// Makes a service.
  ///
  /// - Parameters:
  ///   - name: the name of the server in logs and metrics.
  ///   - connections: the largest number of connections.
  ///   - connectionShare: how many percent of them one address may have, 1 to 100.
  public init(
    name: String, connections: Int, connectionShare: Int = 100, callers: CallerRule, bodyLimit: Int, bodies: ByteBudget,
    heads: ByteBudget,
    logger: Logger, requestLogLevel: Logger.Level = .debug,
    responder: @escaping Responder
  ) {
    self.callers = callers
    self.bodyLimit = bodyLimit
    self.bodies = bodies
    self.heads = heads
    self.logger = logger
    self.requestLogLevel = requestLogLevel
    self.responder = responder
    self.connections = ConnectionBudget(limit: connections, share: connectionShare)
    counts = ListenerCounts(name)
    refusals = RefusalLog(server: name)
  }

  /// The largest head in bytes. A query may name a thousand traces.
  static let headLimit = 80 * 1024
  /// The largest body that is received and thrown away when access is refused, so that the connection can go on. An Envoy reports every
  /// few seconds; without that each refused report would cost a new connection.
  static let discardedBodyLimit = 64 * 1024
  /// How many fields a head may have.
  static let fieldLimit = 200

  /// Sets up a connection for HTTP/1.1. Call it on the connection's event loop.
  ///
  /// - Parameters:
  ///   - slot: the connection's slot; nil if connections are not limited.
  ///   - isSecure: whether the connection uses TLS.
  ///   - certificate: the client's certificate as DER, if TLS has verified one.
  public func configure(
    _ channel: any Channel, slot: ConnectionSlot?, isSecure: Bool, certificate: [UInt8]? = nil
  ) throws {
    let pipeline = channel.pipeline.syncOperations
    let watch = ReceiptWatch(service: self, slot: slot)
    try pipeline.addHandler(watch)
    var decoding = NIOHTTPDecoderLimitConfiguration()
    decoding.maxHeaderFieldSize = Self.headLimit
    decoding.maxHeaderListSize = Self.headLimit
    decoding.maxHeaderFieldCount = Self.fieldLimit
    try pipeline.configureHTTPServerPipeline(
      withPipeliningAssistance: true, withErrorHandling: false,
      // HTTPTypes validates names and values.
      withOutboundHeaderValidation: false, withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoding)
    let caller = Caller(of: channel.remoteAddress, isSecure: isSecure, certificate: certificate)
    try pipeline.addHandler(RequestHandler(service: self, watch: watch, caller: caller))
  }

  /// The answer to a refused request.
  func answer(to request: HTTPRequest?, _ refusal: RequestRefusal) -> Answer {
    var answer = request.flatMap { refusalWording($0, refusal) } ?? answer(refusal)
    if let request { answer.fields.add(callers.origins.fields(for: request)) }
    return answer
  }

  private func answer(_ refusal: RequestRefusal) -> Answer {
    let sentence = refusal.sentence(hostSetting: settings.hosts, originSetting: settings.origins)
    var answer = Answer.text(sentence + "\n", refusal.status)
    answer.fields[.xContentTypeOptions] = "nosniff"
    if let seconds = refusal.retryAfter { answer.fields[.retryAfter] = String(seconds) }
    return answer
  }

  /// Counts a request for a client.
  ///
  /// - Returns: the answer to a request that comes too soon.
  func tooSoon(_ request: HTTPRequest, of client: ClientKey) -> Answer? {
    guard let rates, client != .machine, limitsRate(request), let seconds = rates.wait(of: client) else { return nil }
    note(
      .rate,
      "the server refuses requests of a client that sends more than \(rates.requestsPerSecond) a second, which "
        + "general.limits.requestsPerSecond raises")
    return answer(to: request, .tooManyRequests(perSecond: rates.requestsPerSecond, seconds: seconds))
  }

  /// Counts an event, and logs it at most once a minute.
  func note(_ event: ListenerCounts.Event, _ sentence: @autoclosure () -> String) {
    guard counts.count(event) else { return }
    logger.warning(
      "\(sentence())",
      metadata: ["server": "\(counts.name)", "reason": "\(event.rawValue)", "count": "\(counts[event])"])
  }
}

extension HTTPFields {
  /// Adds fields. Values of `Vary` are joined; other fields are replaced.
  mutating func add(_ more: HTTPFields) {
    for field in more {
      if field.name == .vary, let own = self[.vary] {
        self[.vary] = "\(own), \(field.value)"
      } else {
        self[field.name] = field.value
      }
    }
  }
}
