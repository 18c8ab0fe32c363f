package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Systemd

/// An HTTP server of the program: a ``RequestService`` at an address.
package struct HTTPListener: Service {
  private let host: String
  private let port: Int
  private var service: RequestService
  private let ports: BoundPorts
  private let logger: Logger
  private let loops: RequestLoops?
  private let encryption: Encryption?
  private let http2: (@Sendable (RequestService) -> ConnectionClassifier.HTTP2Setup)?
  private let adviceIfTaken: String?

  private var name: String { service.counts.name }

  /// - Parameters:
  ///   - ports: gets the port once the server listens.
  ///   - loops: the threads that serve the requests; nil for the threads that all tasks share.
  ///   - tls: the configuration of encrypted connections; nil for a server without TLS.
  ///   - plaintext: who may talk without encryption to a server with TLS.
  ///   - http2: makes what sets up connections that speak HTTP/2; nil for a server that speaks HTTP/1.1 alone.
  ///   - adviceIfTaken: logged when the port is in use, and the program continues without this server; nil to fail.
  package init(
    host: String, port: Int, service: RequestService, ports: BoundPorts, logger: Logger, loops: RequestLoops? = nil,
    tls: (any TLSSource)? = nil, plaintext: PlaintextRule = .refused,
    http2: (@Sendable (RequestService) -> ConnectionClassifier.HTTP2Setup)? = nil, adviceIfTaken: String? = nil
  ) {
    self.host = host
    self.port = port
    self.service = service
    self.ports = ports
    self.logger = logger
    self.loops = loops
    encryption = tls.map { Encryption(tls: $0, plaintext: plaintext) }
    self.http2 = http2
    self.adviceIfTaken = adviceIfTaken
    ports.expect(name)
    if let loops {
      loops.join()
      self.service.executor = loops
    }
  }

  package func run() async throws {
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
    var server = HTTPServer(host: host, port: port, service: service, eventLoopGroup: loops) {
      [ports, name, host] port in ports.set(name, port, host: host)
    }
    server.encryption = encryption
    server.http2 = http2?(service)
    server.socket = try ports.inherited.take(for: name, host: host, port: port)
    do {
      try await server.run()
    } catch let error as IOError {
      let failure = ListenFailure(name: name, host: host, port: port, error: error)
      guard failure.isTaken, let adviceIfTaken else { throw failure }
      logger.warning("\(failure). The program continues without it: \(adviceIfTaken)")
      ports.stopExpecting(name)
      // The program would end if this service returned.
      try? await gracefulShutdown()
    }
  }
}
