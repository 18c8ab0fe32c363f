import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import TraceCollector

/// Serves a transport-free responder over HTTP/1.1: the one place where requests become values and values answers.
struct HTTPListener: Service {
  /// Answers a request with its whole body.
  typealias Responder = @Sendable (HTTPRequest, [UInt8]) async -> (HTTPResponse, [UInt8])

  /// Why a body is not read to its end.
  enum BodyRefusal: Sendable {
    /// It is larger than one may be.
    case tooLarge
    /// Too much is being read at the moment.
    case overloaded
  }

  /// How bodies are let in.
  struct BodyRule: Sendable {
    /// Bytes of one body.
    var limit: Int
    /// Bytes of all bodies at a time; `nil` for any number.
    var admission: BodyAdmission?
    /// The answer to a request whose body is not read.
    var refuse: @Sendable (HTTPRequest, BodyRefusal) -> (HTTPResponse, [UInt8])

    /// Bodies of some size, others refused in a sentence.
    static func atMost(_ limit: Int) -> BodyRule {
      BodyRule(limit: limit, admission: nil) { _, refusal in
        let (status, text): (HTTPResponse.Status, String) =
          switch refusal {
          case .tooLarge: (.contentTooLarge, "The body is larger than \(limit) bytes; send less at a time.\n")
          case .overloaded: (.serviceUnavailable, "Too much is being sent; try again later.\n")
          }
        return (
          HTTPResponse(status: status, headerFields: [.contentType: "text/plain; charset=utf-8"]), Array(text.utf8)
        )
      }
    }
  }

  private let name: String
  private let endpoint: ControlPlaneConfiguration.Endpoint
  private let bodyRule: BodyRule
  private let connections: Int
  private let responder: Responder
  private let ports: BoundPorts
  private let logger: Logger
  private let loops: CollectorLoops?
  private let adviceIfTaken: String?

  /// - Parameters:
  ///   - name: what is served, for logs and messages.
  ///   - bodyRule: which bodies are let in.
  ///   - connections: how many there may be at a time; others wait.
  ///   - ports: told the port once the server listens.
  ///   - loops: do the work, away from everything else; `nil` for the threads that all share.
  ///   - adviceIfTaken: what is logged when the port is taken and the program goes on without this server; `nil` to fail.
  init(
    name: String, endpoint: ControlPlaneConfiguration.Endpoint, bodyRule: BodyRule, connections: Int, ports: BoundPorts,
    logger: Logger,
    loops: CollectorLoops? = nil, adviceIfTaken: String? = nil, responder: @escaping Responder
  ) {
    self.name = name
    self.endpoint = endpoint
    self.bodyRule = bodyRule
    self.connections = connections
    self.responder = responder
    self.ports = ports
    self.logger = logger
    self.loops = loops
    self.adviceIfTaken = adviceIfTaken
    ports.expect(name)
    loops?.join()
  }

  func run() async throws {
    guard let loops else { return try await serve(on: .singleton) }
    do {
      try await withTaskExecutorPreference(loops) { try await serve(on: .shared(loops.group)) }
    } catch {
      try? await loops.leave()
      throw error
    }
    try await loops.leave()
  }

  private func serve(on loops: EventLoopGroupProvider) async throws {
    var quiet = logger
    // The server calls it an error when connections end because it is told to stop.
    if logger.logLevel > .debug { quiet.logLevel = .critical }
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { [bodyRule, responder] request, _ in
        await Self.respond(to: request, bodyRule, responder)
      },
      server: .http1(configuration: .init(idleTimeout: .seconds(120))),
      configuration: ApplicationConfiguration(
        address: .hostname(endpoint.host, port: endpoint.port), backlog: 1024,
        availableConnectionsDelegate: MaximumAvailableConnections(connections, logger: quiet)),
      onServerRunning: { [ports, name, endpoint] channel in
        ports.set(name, channel.localAddress?.port ?? 0, host: endpoint.host)
      },
      eventLoopGroupProvider: loops, logger: quiet)
    do {
      try await application.run()
    } catch let error as IOError {
      let failure = ListenFailure(name: name, endpoint: endpoint, error: error)
      guard failure.isTaken, let adviceIfTaken else { throw failure }
      logger.warning("\(failure). The program goes on without it: \(adviceIfTaken)")
      ports.giveUp(name)
      // A service that returns ends the program.
      try? await gracefulShutdown()
    }
  }

  private static func respond(to request: Request, _ rule: BodyRule, _ responder: Responder) async -> Response {
    var body = ByteBuffer()
    var taken = 0
    defer { rule.admission?.give(taken) }
    do {
      for try await var chunk in request.body {
        let count = chunk.readableBytes
        guard body.readableBytes + count <= rule.limit else { return refusal(request, rule, .tooLarge) }
        if let admission = rule.admission {
          guard admission.take(count) else { return refusal(request, rule, .overloaded) }
          taken += count
        }
        body.writeBuffer(&chunk)
      }
    } catch {
      return Response(
        status: .badRequest, headers: [.contentType: "text/plain; charset=utf-8", .connection: "close"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: "The body could not be read.\n")))
    }
    return response(await responder(request.head, Array(body.readableBytesView)))
  }

  private static func refusal(_ request: Request, _ rule: BodyRule, _ reason: BodyRefusal) -> Response {
    var refusal = response(rule.refuse(request.head, reason))
    // What follows on the connection is the rest of the body.
    refusal.headers[.connection] = "close"
    return refusal
  }

  private static func response(_ answer: (head: HTTPResponse, body: [UInt8])) -> Response {
    Response(
      status: answer.head.status, headers: answer.head.headerFields,
      body: answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
  }
}

/// A server could not listen.
struct ListenFailure: Error, CustomStringConvertible {
  var name: String
  var endpoint: ControlPlaneConfiguration.Endpoint
  var error: IOError

  /// Whether somebody else listens there.
  var isTaken: Bool { error.errnoCode == 98 }

  var description: String {
    let address = "\(endpoint.host):\(endpoint.port)"
    return switch error.errnoCode {
    case 98: "\(name) cannot listen on \(address): the port is taken; stop the other program or choose another port"
    case 99: "\(name) cannot listen on \(address): this machine has no such address"
    case 13: "\(name) cannot listen on \(address): ports below 1024 need more rights; choose another port"
    default: "\(name) cannot listen on \(address): \(error)"
    }
  }
}
