import GRPCCore
import GRPCNIOTransportHTTP2
package import HTTPService
package import Logging
package import MeshXDS
package import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization

/// The server for proxies: one port for TLS and plaintext, for discovery streams over gRPC and for `POST /bootstrap`
/// over HTTP/1.1, as Kuma's data plane server has it.
package final class DataplaneServer: Service {
  /// The server's name in logs, metrics and errors.
  package static let name = "data plane server"

  /// Bounds that keep one peer, or many, from taking everything.
  package struct Limits: Sendable {
    /// Connections at a time, whatever they speak. For more, those of other callers than proxies are ended; where there are
    /// none, new ones are closed at once, and proxies try again.
    package var connections = 20_000
    /// Discovery streams at a time.
    package var streams = 20_000
    /// Streams at a time whose proxy is being registered; more are asked to try again.
    package var openingStreams = 1_000
    /// Bytes of a discovery request, compressed and decompressed.
    package var requestBytes = 16 * 1024 * 1024
    /// How long a discovery request may take to arrive, from its first byte on.
    package var requestTime = Duration.seconds(30)
    /// Bytes of the body of an HTTP request.
    package var bodyBytes = 1024 * 1024
    /// How long a new connection may take to tell what it speaks, TLS handshake included.
    package var classification = Duration.seconds(10)
    /// After how much silence a proxy is asked for a sign of life, and how long it has for it.
    package var keepalive = (time: Duration.seconds(120), timeout: Duration.seconds(20))
    /// How long streams may take to end when the server stops; connections are closed then.
    package var shutdown = Duration.seconds(5)

    /// Starts from the defaults.
    package init() {}
  }

  /// What requests of all connections may hold in memory together.
  package struct Budgets: Sendable {
    /// Heads of requests over HTTP.
    package var heads = ByteBudget("heads", limit: 8 << 20)
    /// Bodies of bootstrap requests.
    package var bootstrap = ByteBudget("bootstrap", limit: 8 << 20)
    /// Requests of proxies over gRPC.
    package var discovery = ByteBudget("discovery", limit: 24 << 20)
    /// The names that proxies ask for and that no resource has, for as long as they ask.
    package var names = ByteBudget("names", limit: 24 << 20)

    /// Starts from budgets of its own.
    package init() {}
  }

  /// Where and how to listen.
  package struct Configuration: Sendable {
    /// The address or name to bind to.
    package var host = "127.0.0.1"
    /// The port; 0 takes a free one.
    package var port = 5678
    /// The certificate for TLS; without one only plaintext is served.
    package var certificate: ServerCertificate?
    /// Bounds.
    package var limits = Limits()
    /// What all requests may hold together.
    package var budgets = Budgets()
    /// Runs the registration of proxies, which parses documents; nil for where all tasks run.
    package var documents: (any TaskExecutor)?
    /// The level at which the log has a line for each request over HTTP.
    package var requestLogLevel = Logger.Level.debug
    /// The pages that may use the server from a browser: none needs to.
    package var origins = OriginRule([])

    /// Starts from the defaults.
    package init() {}
  }

  private typealias Transport = HTTP2ServerTransport.Custom<DataplaneListener>

  /// How requests over HTTP are served, and what was refused of them.
  package let service: RequestService
  private let configuration: Configuration
  private let discovery: DiscoveryService
  private let server: GRPCServer<Transport>
  private let port: Mutex<Int?>

  /// - Parameters:
  ///   - cache: what proxies are to hold.
  ///   - observer: follows the streams.
  ///   - eventLoopGroup: runs the connections.
  ///   - onListening: told the port once connections are accepted.
  ///   - bootstrap: answers HTTP/1.1 requests, whatever their method and path.
  /// - Throws: if the certificate cannot be used.
  package init(
    configuration: Configuration, cache: SnapshotCache, observer: any ProxySessionObserver, logger: Logger,
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    onListening: @escaping @Sendable (Int) -> Void = { _ in }, bootstrap: @escaping RequestService.Responder
  ) throws {
    self.configuration = configuration
    let limits = configuration.limits
    let tls = try configuration.certificate.map { try $0.makeContext() }
    let service = Self.bootstrapService(configuration, logger: logger, bootstrap)
    self.service = service
    let listener = DataplaneListener(
      host: configuration.host, port: configuration.port,
      eventLoopGroup: eventLoopGroup,
      setup: { connectionConfigurator in
        ConnectionClassifier.Setup(
          tls: tls, timeout: TimeAmount(limits.classification), connectionConfigurator: connectionConfigurator,
          bootstrap: service)
      },
      logger: logger, onListening: onListening)
    let receipts = StreamReceipts(budget: configuration.budgets.discovery)
    discovery = DiscoveryService(
      cache: cache, observer: observer, limits: limits, receipts: receipts, names: configuration.budgets.names,
      documents: configuration.documents, logger: logger)
    var router = RPCRouter<Transport>()
    discovery.register(with: &router)
    server = GRPCServer(
      transport: Transport(listenerFactory: listener, config: Self.transport(limits, receipts)), router: router)
    port = Mutex(nil)
  }

  /// How `POST /bootstrap` is served. Proxies name the server as they please, and no page has anything to do here.
  private static func bootstrapService(
    _ configuration: Configuration, logger: Logger, _ responder: @escaping RequestService.Responder
  ) -> RequestService {
    RequestService(
      name: Self.name, connections: configuration.limits.connections,
      callers: CallerRule(hosts: HostRule(names: []), origins: configuration.origins) { _ in false },
      bodyLimit: configuration.limits.bodyBytes, bodies: configuration.budgets.bootstrap,
      heads: configuration.budgets.heads, logger: logger, requestLogLevel: configuration.requestLogLevel,
      responder: responder)
  }

  private static func transport(_ limits: Limits, _ receipts: StreamReceipts) -> Transport.Config {
    var config = Transport.Config.defaults
    config.rpc.maxRequestPayloadSize = limits.requestBytes
    let setup = RequestGuard.Setup(
      receipts: receipts, messageLimit: limits.requestBytes, timeout: TimeAmount(limits.requestTime),
      paths: DiscoveryService.paths)
    config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { channel in
      // Fails only when the stream is closed already. It must not then look as if gRPC had not been set up: NIO ends the
      // program when what was set up is thrown away.
      try? channel.pipeline.syncOperations.addHandler(RequestGuard(setup: setup), position: .first)
      return channel.eventLoop.makeSucceededVoidFuture()
    }
    config.http2.maxConcurrentStreams = 100
    config.connection.maxGraceTime = limits.shutdown
    config.connection.keepalive = HTTP2ServerTransport.Config.Keepalive(
      time: limits.keepalive.time, timeout: limits.keepalive.timeout,
      // Envoy pings as often as its bootstrap says; gRPC's default would cut it off below five minutes.
      clientBehavior: HTTP2ServerTransport.Config.ClientKeepaliveBehavior(
        minPingIntervalWithoutCalls: .milliseconds(100), allowWithoutCalls: true))
    return config
  }

  /// How many discovery streams are open.
  package var streamCount: Int { discovery.streamCount }

  /// The port on which the server listens; `nil` before it does and after it has stopped.
  var boundPort: Int? {
    get async { await server.transport.listeningAddress?.port }
  }

  /// Serves until the service group shuts down gracefully or the task is cancelled.
  ///
  /// - Throws: ``ListenFailure`` if the address cannot be bound.
  package func run() async throws {
    let (stops, stop) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    try await withTaskCancellationOrGracefulShutdownHandler {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { [server, configuration] in
          do {
            try await server.serve()
          } catch let error as RuntimeError {
            guard let cause = error.cause as? IOError else { throw error }
            throw ListenFailure(
              name: Self.name, host: configuration.host, port: configuration.port, error: cause)
          }
        }
        group.addTask { [limits = configuration.limits, connections = service.connections] in
          for await _ in stops {
            try await Task.sleep(for: limits.shutdown)
            // gRPC waits until a peer confirms that the connection is to be closed. A peer that reads nothing never does.
            connections.closeAll()
            try await Task.sleep(for: limits.shutdown)
          }
        }
        try await group.next()
        group.cancelAll()
      }
    } onCancelOrGracefulShutdown: { [discovery, server] in
      discovery.beginShutdown()
      server.beginGracefulShutdown()
      stop.yield()
      stop.finish()
    }
  }
}

extension GRPCNIOTransportCore.SocketAddress {
  /// The port of an IP address.
  fileprivate var port: Int? { ipv4?.port ?? ipv6?.port }
}
