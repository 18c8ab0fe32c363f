public import HTTPTypes
public import Logging
public import NIOCore
import NIOHTTP1

/// How a listener serves requests: what all its connections share.
///
/// A request becomes a value when it is complete, and an answer is written when it is whole; who answers knows no connection.
public struct RequestService: Sendable {
  /// Answers a request with its whole body. The body of an answer to HEAD is not sent.
  public typealias Responder = @Sendable (HTTPRequest, [UInt8]) async -> Answer
  /// Words a refusal; nil for a sentence of plain text.
  public typealias RefusalWording = @Sendable (HTTPRequest, RequestRefusal) -> Answer?

  /// Who may use it.
  public var callers: CallerRule
  /// The largest body, in bytes.
  public var bodyLimit: Int
  /// Holds the bytes of bodies from their first one until the request is answered.
  public var bodies: ByteBudget
  /// Holds the bytes of heads. They have a budget of their own, so that small requests are taken while large ones are refused.
  public var heads: ByteBudget
  /// How many connections there may be.
  public let connections: ConnectionBudget
  /// How long requests and answers may take.
  public var limits = ReceiptLimits()
  /// Where answers are made; nil for where all tasks of the program run.
  public var executor: (any TaskExecutor)?
  /// What was refused and ended.
  public let counts: ListenerCounts
  let running = RunningRequests()
  /// Told of refusals, each kind once a minute at most, and of requests.
  public var logger: Logger
  /// The level at which the log has a line for each request.
  public var requestLogLevel: Logger.Level
  /// The settings that refusals name.
  public var settings = SettingNames()
  /// Words refusals in the service's own way.
  public var refusalWording: RefusalWording = { _, _ in nil }
  /// Answers requests.
  public var responder: Responder

  /// The names of settings, for sentences that say what to do.
  public struct SettingNames: Sendable {
    /// Allows further hosts.
    public var hosts: String
    /// Allows pages of other origins; nil where no page is let in.
    public var origins: String?

    /// Names for sentences.
    public init(hosts: String = "of allowed hosts", origins: String? = nil) {
      self.hosts = hosts
      self.origins = origins
    }
  }

  /// Makes a service.
  ///
  /// - Parameters:
  ///   - name: what is served, for logs and metrics.
  ///   - connections: how many there may be at a time.
  public init(
    name: String, connections: Int, callers: CallerRule, bodyLimit: Int, bodies: ByteBudget, heads: ByteBudget,
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
    self.connections = ConnectionBudget(limit: connections)
    counts = ListenerCounts(name)
  }

  /// The largest head, in bytes: a query may name a thousand traces.
  static let headLimit = 80 * 1024

  /// Sets a connection up for HTTP/1.1. To be called on the connection's loop.
  ///
  /// - Parameters:
  ///   - slot: the connection's place; nil if its number is not bounded.
  ///   - isSecure: whether TLS is below.
  public func configure(_ channel: any Channel, slot: ConnectionSlot?, isSecure: Bool) throws {
    let pipeline = channel.pipeline.syncOperations
    let watch = ReceiptWatch(service: self, slot: slot)
    try pipeline.addHandler(watch)
    var decoding = NIOHTTPDecoderLimitConfiguration()
    decoding.maxHeaderFieldSize = Self.headLimit
    decoding.maxHeaderListSize = Self.headLimit
    decoding.maxHeaderFieldCount = 200
    try pipeline.configureHTTPServerPipeline(
      withPipeliningAssistance: true, withErrorHandling: false,
      // HTTPTypes has looked at names and values.
      withOutboundHeaderValidation: false, withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoding)
    try pipeline.addHandler(RequestHandler(service: self, watch: watch, isSecure: isSecure))
  }

  /// The answer to a request that is refused.
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

  /// Counts something, and has the log say so now and then.
  func note(_ event: ListenerCounts.Event, _ sentence: @autoclosure () -> String) {
    guard counts.count(event) else { return }
    logger.warning(
      "\(sentence())",
      metadata: ["server": "\(counts.name)", "reason": "\(event.rawValue)", "count": "\(counts[event])"])
  }
}

extension HTTPFields {
  /// Adds fields beside those that are there.
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
