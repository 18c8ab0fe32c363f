import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// Serves a transport-free responder over HTTP/1.1: the one place where requests become values and values answers.
struct HTTPListener: Service {
  /// Answers a request with its whole body.
  typealias Responder = @Sendable (HTTPRequest, [UInt8]) async -> (HTTPResponse, [UInt8])

  private let name: String
  private let endpoint: ControlPlaneConfiguration.Endpoint
  private let bodyLimit: Int
  private let responder: Responder
  private let ports: BoundPorts
  private let logger: Logger

  /// - Parameters:
  ///   - name: what is served, for logs and messages.
  ///   - bodyLimit: bytes of a body above which the answer is 413.
  ///   - ports: told the port once the server listens.
  init(
    name: String, endpoint: ControlPlaneConfiguration.Endpoint, bodyLimit: Int, ports: BoundPorts, logger: Logger,
    responder: @escaping Responder
  ) {
    self.name = name
    self.endpoint = endpoint
    self.bodyLimit = bodyLimit
    self.responder = responder
    self.ports = ports
    self.logger = logger
    ports.expect(name)
  }

  func run() async throws {
    let limit = bodyLimit
    let responder = responder
    var quiet = logger
    // The server calls it an error when connections end because it is told to stop.
    if logger.logLevel > .debug { quiet.logLevel = .critical }
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in
        await Self.respond(to: request, limit: limit, responder: responder)
      },
      server: .http1(configuration: .init(idleTimeout: .seconds(120))),
      configuration: ApplicationConfiguration(
        address: .hostname(endpoint.host, port: endpoint.port), backlog: 1024),
      onServerRunning: { [ports, name, endpoint] channel in
        ports.set(name, channel.localAddress?.port ?? 0, host: endpoint.host)
      },
      logger: quiet)
    do {
      try await application.run()
    } catch let error as IOError {
      throw ListenFailure(name: name, endpoint: endpoint, error: error)
    }
  }

  private static func respond(to request: Request, limit: Int, responder: Responder) async -> Response {
    let body: ByteBuffer
    do {
      body = try await request.body.collect(upTo: limit)
    } catch is NIOTooManyBytesError {
      return Response(
        status: .contentTooLarge, headers: [.contentType: "text/plain; charset=utf-8", .connection: "close"],
        body: ResponseBody(
          byteBuffer: ByteBuffer(string: "The body is larger than \(limit) bytes; send less at a time.\n")))
    } catch {
      return Response(
        status: .badRequest, headers: [.contentType: "text/plain; charset=utf-8", .connection: "close"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: "The body could not be read.\n")))
    }
    let (head, bytes) = await responder(request.head, Array(body.readableBytesView))
    return Response(
      status: head.status, headers: head.headerFields,
      body: bytes.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}

/// A server could not listen.
struct ListenFailure: Error, CustomStringConvertible {
  var name: String
  var endpoint: ControlPlaneConfiguration.Endpoint
  var error: IOError

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
