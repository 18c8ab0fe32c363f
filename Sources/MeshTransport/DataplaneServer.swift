import GRPCCore
import GRPCNIOTransportHTTP2
package import HTTPService
package import Logging
package import MeshXDS
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// The server for proxies. One port serves TLS and plaintext, discovery streams over gRPC, and `POST /bootstrap` over HTTP/1.1,
/// like Kuma's data plane server, and `POST /evidence`.
package final class DataplaneServer: Service {
  /// The server's name in logs, metrics and errors.
  package static let name = "data plane server"
  /// The protocols of encrypted connections. The server chooses. Proxies offer only h2. A client that offers both wants the
  /// bootstrap.
  package static let protocols = ["http/1.1", "h2"]

  /// Limits that keep peers from exhausting resources.
  package struct Limits: Sendable {
    /// Concurrent connections of any protocol. At the limit, a new connection replaces one that is not a proxy's. If all are
    /// proxies', the new one is closed at once, and its proxy retries.
    package var connections = 20_000
    /// How many percent of the connections one address may have, or one /64 of IPv6; this machine may have all.
    package var connectionShare = 100
    /// Concurrent discovery streams.
    package var streams = 20_000
    /// Concurrent streams of a connection, which SETTINGS_MAX_CONCURRENT_STREAMS tells. A proxy needs one.
    package var streamsPerConnection = 16
    /// Concurrent registrations of proxies. Further proxies are told to retry.
    package var openingStreams = 1_000
    /// The size of a discovery request in bytes, compressed and decompressed.
    package var requestBytes = 16 * 1024 * 1024
    /// How long a discovery request may take to arrive, from its first byte.
    package var requestTime = Duration.seconds(30)
    /// The size of an HTTP request's body in bytes.
    package var bodyBytes = 1024 * 1024
    /// How long a new connection may take until its protocol is known, TLS handshake included.
    package var classification = Duration.seconds(10)
    /// After how much silence a proxy is pinged, and how long it may take to answer.
    package var keepalive = (time: Duration.seconds(120), timeout: Duration.seconds(20))
    /// How long a proxy may take to answer its runtime, which its listeners wait for. Then its stream is ended.
    package var runtimeAnswer = Duration.seconds(60)
    /// How long streams may take to end at shutdown. Then their connections are closed.
    package var shutdown = Duration.seconds(5)

    /// The default limits.
    package init() {}
  }

  /// Memory budgets, each shared by all connections.
  package struct Budgets: Sendable {
    /// Heads of HTTP requests.
    package var heads = ByteBudget("heads", limit: 8 << 20)
    /// Bodies of bootstrap requests.
    package var bootstrap = ByteBudget("bootstrap", limit: 8 << 20)
    /// gRPC requests of proxies.
    package var discovery = ByteBudget("discovery", limit: 24 << 20)
    /// Names that proxies subscribe to and that no resource has, for as long as they subscribe.
    package var names = ByteBudget("names", limit: 24 << 20)

    /// The default budgets.
    package init() {}
  }

  /// Where and how to listen.
  package struct Configuration: Sendable {
    /// The address or host name to bind to.
    package var host = "127.0.0.1"
    /// The port; 0 takes a free one.
    package var port = 5678
    /// A listening socket that takes the place of a new one; it is closed when the server ends.
    package var socket: NIOBSDSocket.Handle?
    /// How connections are encrypted; nil for plaintext only.
    package var encryption: Encryption?
    /// The limits.
    package var limits = Limits()
    /// The memory budgets.
    package var budgets = Budgets()
    /// The executors for registrations of proxies, which parse documents; `nil` for the default one.
    package var documents: DocumentExecutor?
    /// Limits the requests of a client; `nil` for no limit.
    package var rates: RequestRates?
    /// The log level of the line for each HTTP request.
    package var requestLogLevel = Logger.Level.debug
    /// How Envoy's metrics service is served; `nil` for not at all.
    package var metrics: MetricsService.Setup?
    /// The browser origins that may use the server: none.
    package var origins = OriginRule([])

    /// The default configuration.
    package init() {}
  }

  /// The executor for the documents of a client.
  package typealias DocumentExecutor = @Sendable (ClientKey) -> any TaskExecutor

  private typealias Transport = HTTP2ServerTransport.Custom<DataplaneListener>

  /// Serves HTTP requests and counts refusals.
  package let service: RequestService
  /// Counts connections and streams of HTTP/2 that were refused.
  package let frames = FrameCounts()
  private let configuration: Configuration
  private let discovery: DiscoveryService
  private let metrics: MetricsService?
  private let server: GRPCServer<Transport>
  private let port: Mutex<Int?>
  private let isEnding = Atomic(false)

  /// - Parameters:
  ///   - cache: the snapshots of proxies.
  ///   - observer: follows the streams.
  ///   - eventLoopGroup: runs the connections.
  ///   - onListening: called with the port once connections are accepted.
  ///   - bootstrap: answers all HTTP/1.1 requests.
  package init(
    configuration: Configuration, cache: SnapshotCache, observer: any ProxySessionObserver, logger: Logger,
    eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    onListening: @escaping @Sendable (Int) -> Void = { _ in }, bootstrap: @escaping RequestService.Responder
  ) {
    self.configuration = configuration
    let limits = configuration.limits
    let service = Self.bootstrapService(configuration, logger: logger, bootstrap)
    self.service = service
    let frames = FrameGuard.Setup(
      streams: limits.streamsPerConnection, counts: frames, server: Self.name, logger: logger,
      idle: service.limits.idle)
    let listener = DataplaneListener(
      host: configuration.host, port: configuration.port, socket: configuration.socket,
      eventLoopGroup: eventLoopGroup,
      setup: { connectionConfigurator in
        ConnectionClassifier.Setup(
          encryption: configuration.encryption, timeout: limits.classification, service: service
        ) { channel, connection in
          try Self.configure(channel, connection, connectionConfigurator, frames)
        }
      },
      logger: logger, onListening: onListening)
    let receipts = StreamReceipts(budget: configuration.budgets.discovery)
    discovery = DiscoveryService(
      cache: cache, observer: observer, limits: limits, receipts: receipts, names: configuration.budgets.names,
      documents: configuration.documents, logger: logger)
    var router = RPCRouter<Transport>()
    discovery.register(with: &router)
    // Statistics may take a third of what discovery may.
    let budget = configuration.budgets.discovery
    let metricsReceipts = StreamReceipts(budget: ByteBudget("metrics", limit: budget.limit / 3, within: budget))
    metrics = configuration.metrics.map {
      MetricsService($0, receipts: metricsReceipts, streamLimit: limits.streams)
    }
    metrics?.register(with: &router)
    server = GRPCServer(
      transport: Transport(
        listenerFactory: listener,
        config: Self.transport(limits, receipts, metrics: metrics == nil ? nil : metricsReceipts)),
      router: router)
    port = Mutex(nil)
  }

  /// Sets up a connection that speaks gRPC.
  private static func configure(
    _ channel: any Channel, _ connection: ConnectionClassifier.Connection,
    _ configurator: HTTP2ServerTransport.ConnectionConfigurator, _ frames: FrameGuard.Setup
  ) throws -> EventLoopFuture<Void> {
    connection.slot.beginHTTP2()
    var caller = connection.caller
    // Proxies prove who they are by tokens alone.
    caller.certificate = nil
    try channel.pipeline.syncOperations.addHandlers([
      SmallBuffers(), FrameGuard(setup: frames, caller: caller, slot: connection.slot),
    ])
    let tls: HTTP2ServerTransport.ConnectionConfigurator.TLS =
      caller.isSecure ? .configured(requireALPN: false) : .none
    return configurator.configure(channel: channel, tls: tls).assumeIsolated()
      .map { ConnectionAcceptor.deliver($0, of: channel) }.nonisolated()
  }

  /// The service for `POST /bootstrap` and `POST /evidence`. Proxies may use any host name for the server. Web pages may not use it.
  private static func bootstrapService(
    _ configuration: Configuration, logger: Logger, _ responder: @escaping RequestService.Responder
  ) -> RequestService {
    var service = RequestService(
      name: Self.name, connections: configuration.limits.connections,
      connectionShare: configuration.limits.connectionShare,
      callers: CallerRule(hosts: HostRule(names: []), origins: configuration.origins) { _ in false },
      bodyLimit: configuration.limits.bodyBytes, bodies: configuration.budgets.bootstrap,
      heads: configuration.budgets.heads, logger: logger, requestLogLevel: configuration.requestLogLevel,
      responder: responder)
    service.smallerBodyLimit = DataplaneRequests.bodyLimit
    service.rates = configuration.rates
    return service
  }

  /// - Parameter metrics: the receipts of the metrics service; `nil` if it is not served.
  private static func transport(
    _ limits: Limits, _ receipts: StreamReceipts, metrics: StreamReceipts?
  ) -> Transport.Config {
    var config = Transport.Config.defaults
    config.rpc.maxRequestPayloadSize = limits.requestBytes
    var setup = RequestGuard.Setup(
      receipts: receipts, messageLimit: limits.requestBytes, timeout: TimeAmount(limits.requestTime),
      paths: DiscoveryService.paths)
    if let metrics { setup.others[MetricsService.path] = (metrics, MetricsService.messageBytes) }
    config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { [setup] channel in
      // Fails only on a closed stream. The setup has to succeed nevertheless: NIO traps when the result of a setup is thrown
      // away.
      try? channel.pipeline.syncOperations.addHandler(RequestGuard(setup: setup), position: .first)
      return channel.eventLoop.makeSucceededVoidFuture()
    }
    config.http2.maxConcurrentStreams = limits.streamsPerConnection
    config.connection.maxGraceTime = limits.shutdown
    config.connection.keepalive = HTTP2ServerTransport.Config.Keepalive(
      time: limits.keepalive.time, timeout: limits.keepalive.timeout,
      // ``FrameGuard`` counts pings. gRPC's default closes connections with intervals below five minutes.
      clientBehavior: HTTP2ServerTransport.Config.ClientKeepaliveBehavior(
        minPingIntervalWithoutCalls: .zero, allowWithoutCalls: true))
    return config
  }

  /// The number of open discovery streams.
  package var streamCount: Int { discovery.streamCount }

  /// How many discovery requests had to wait because their streams sent too many.
  package var delayedRequests: Int { discovery.delayedRequests }

  /// The largest number of open discovery streams.
  package var streamLimit: Int { configuration.limits.streams }

  /// The discovery streams that were refused or ended.
  package var refusedStreams: RefusedStreams { discovery.refused }

  /// What a server that ends waits for, in words.
  package var openWork: [String] {
    (streamCount == 0 ? [] : ["\(Self.name): \(streamCount) streams"]) + [service.openWork].compactMap(\.self)
  }

  /// Serves until the service group shuts down gracefully or the task is cancelled.
  ///
  /// - Throws: ``ListenFailure`` if the address cannot be bound.
  package func run() async throws {
    let connections = service.connections
    // No child of this task, which may be cancelled: gRPC is cancelled when no connection is open. Of a connection that is open, it
    // drops streams that are opened after it is cancelled, and NIO traps when one is dropped.
    let serving = Task { try await serve() }
    let closings = Mutex<[Task<Void, Never>]>([])
    let close: @Sendable (Duration) -> Void = { delay in
      self.beginEnding()
      let closing = Task {
        guard (try? await Task.sleep(for: delay)) != nil else { return }
        connections.closeAll()
        await connections.emptied()
        serving.cancel()
      }
      closings.withLock { $0.append(closing) }
    }
    let result = await withTaskCancellationHandler {
      await withGracefulShutdownHandler {
        await serving.result
      } onGracefulShutdown: {
        // At shutdown gRPC waits until a peer confirms the close. A peer that does not read never does.
        close(self.configuration.limits.shutdown)
      }
    } onCancel: {
      close(.zero)
    }
    for closing in closings.withLock({ $0 }) {
      closing.cancel()
      await closing.value
    }
    try result.get()
  }

  private func serve() async throws {
    do {
      try await server.serve()
      // gRPC does not know the connections over HTTP/1.1.
      await service.end()
    } catch let error as RuntimeError {
      if error.code == .serverIsStopped || (isEnding.load(ordering: .relaxed) && !(error.cause is IOError)) {
        // The program was asked to end before this task ran, or while it began to listen.
        return await service.end()
      }
      guard let cause = error.cause as? IOError else { throw error }
      throw ListenFailure(name: Self.name, host: configuration.host, port: configuration.port, error: cause)
    }
  }

  private func beginEnding() {
    isEnding.store(true, ordering: .relaxed)
    discovery.beginShutdown()
    metrics?.beginShutdown()
    server.beginGracefulShutdown()
    service.beginEnding()
  }
}

extension GRPCNIOTransportCore.SocketAddress {
  /// The port of an IP address.
  fileprivate var port: Int? { ipv4?.port ?? ipv6?.port }
}
