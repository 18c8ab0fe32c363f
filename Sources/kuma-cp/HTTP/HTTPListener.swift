import HTTPService
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// One of the program's HTTP servers: a ``RequestService`` at an address from the settings.
struct HTTPListener: Service {
  private let endpoint: ControlPlaneConfiguration.Endpoint
  private var service: RequestService
  private let ports: BoundPorts
  private let logger: Logger
  private let loops: CollectorLoops?
  private let adviceIfTaken: String?

  private var name: String { service.counts.name }

  /// - Parameters:
  ///   - service: how requests are served.
  ///   - ports: told the port once the server listens.
  ///   - loops: do the work, away from everything else; `nil` for the threads that all share.
  ///   - adviceIfTaken: what is logged when the port is taken and the program goes on without this server; `nil` to fail.
  init(
    endpoint: ControlPlaneConfiguration.Endpoint, service: RequestService, ports: BoundPorts, logger: Logger,
    loops: CollectorLoops? = nil, adviceIfTaken: String? = nil
  ) {
    self.endpoint = endpoint
    self.service = service
    self.ports = ports
    self.logger = logger
    self.loops = loops
    self.adviceIfTaken = adviceIfTaken
    ports.expect(name)
    if let loops {
      loops.join()
      self.service.executor = loops
    }
  }

  func run() async throws {
    guard let loops else { return try await serve(on: MultiThreadedEventLoopGroup.singleton) }
    do {
      try await serve(on: loops.group)
    } catch {
      try? await loops.leave()
      throw error
    }
    try await loops.leave()
  }

  private func serve(on loops: any EventLoopGroup) async throws {
    var quiet = logger
    // The server calls it an error when connections end because it is told to stop.
    if logger.logLevel > .debug { quiet.logLevel = .critical }
    let server = HTTPServer(
      host: endpoint.host, port: endpoint.port, service: service, eventLoopGroup: loops,
      logger: quiet
    ) { [ports, name, endpoint] port in ports.set(name, port, host: endpoint.host) }
    do {
      try await server.run()
    } catch let error as IOError {
      let failure = ListenFailure(name: name, endpoint: endpoint, error: error)
      guard failure.isTaken, let adviceIfTaken else { throw failure }
      logger.warning("\(failure). The program goes on without it: \(adviceIfTaken)")
      ports.giveUp(name)
      // A service that returns ends the program.
      try? await gracefulShutdown()
    }
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
