import GRPCNIOTransportHTTP2
import Logging
import NIOCore
import NIOPosix

/// Listens for gRPC's transport, so that one port can serve more than gRPC: what a connection speaks is found out
/// before gRPC gets to see it.
struct DataplaneListener: HTTP2ServerTransport.ListenerFactory {
  typealias ConnectionChannel = HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel

  let host: String
  let port: Int
  /// How many connections there may be at a time.
  let connections: Int
  let eventLoopGroup: any EventLoopGroup
  let setup: @Sendable (HTTP2ServerTransport.ConnectionConfigurator) -> ConnectionClassifier.Setup
  let logger: Logger
  /// Told the port once connections are accepted.
  let onListening: @Sendable (Int) -> Void

  func makeListeningChannel(
    listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
    connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
  ) async throws -> NIOAsyncChannel<ConnectionChannel, Never> {
    let setup = setup(connectionConfigurator)
    let server = try await ServerBootstrap(group: eventLoopGroup)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.maxMessagesPerRead, value: 16)
      .serverChannelOption(.autoRead, value: false)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          // Out of file descriptors: wait a second, then accept again.
          let backoff = AcceptBackoffHandler(shouldForwardIOErrorCaught: false)
          try channel.pipeline.syncOperations.addHandler(backoff)
        }.flatMap {
          listenerConfigurator.configure(channel: channel)
        }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ConnectionClassifier(setup: setup))
        }
      }
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .bind(host: host, port: port).get()
    let (connections, logger) = (connections, logger)
    let wrapped = try await server.eventLoop.submit {
      let pipeline = server.pipeline.syncOperations
      try pipeline.addHandler(ConnectionAcceptor(limit: connections, logger: logger))
      let wrapped = try NIOAsyncChannel<ConnectionChannel, Never>(wrappingChannelSynchronously: server)
      try pipeline.addHandler(ConnectionRegistrar())
      return wrapped
    }.get()
    try await server.setOption(.autoRead, value: true).get()
    onListening(server.localAddress?.port ?? port)
    return wrapped
  }
}

/// Sits on the listening channel before gRPC's handler: passes accepted connections by it, to be registered and
/// classified, and hands those on that turned out to be gRPC.
final class ConnectionAcceptor: ChannelInboundHandler {
  typealias InboundIn = Channel
  typealias InboundOut = DataplaneListener.ConnectionChannel

  private let limit: Int
  private let logger: Logger
  private var context: ChannelHandlerContext?
  private var open = 0
  private var isFull = false

  init(limit: Int, logger: Logger) {
    self.limit = limit
    self.logger = logger
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let registrar = try? context.pipeline.syncOperations.context(handlerType: ConnectionRegistrar.self) else {
      return unwrapInboundIn(data).close(promise: nil)
    }
    let channel = unwrapInboundIn(data)
    guard open < limit else {
      if !isFull {
        logger.warning(
          "no more connections of proxies are taken until some end; raise the limit of open files (ulimit -n)",
          metadata: ["connections": "\(open)"])
      }
      isFull = true
      return channel.close(promise: nil)
    }
    open += 1
    let here = NIOLoopBound(self, eventLoop: context.eventLoop)
    channel.closeFuture.hop(to: context.eventLoop).whenComplete { _ in
      here.value.open -= 1
      here.value.isFull = false
    }
    registrar.fireChannelRead(data)
  }

  /// One connection's failure must not end the server.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug("a connection could not be accepted", metadata: ["error": "\(error)"])
  }

  /// Hands a connection to gRPC.
  static func deliver(_ connection: DataplaneListener.ConnectionChannel, of channel: any Channel) {
    // gRPC's handle on a connection must live until the connection is closed, even if the server has stopped taking
    // connections meanwhile: NIO traps when a writer that was never finished goes away.
    channel.closeFuture.whenComplete { _ in withExtendedLifetime(connection) {} }
    guard let server = channel.parent else { return channel.close(promise: nil) }
    server.eventLoop.execute {
      guard server.isActive, let acceptor = try? server.pipeline.syncOperations.handler(type: ConnectionAcceptor.self),
        let context = acceptor.context
      else { return channel.close(promise: nil) }
      context.fireChannelRead(acceptor.wrapInboundOut(connection))
      context.fireChannelReadComplete()
    }
  }
}

/// Sits on the listening channel behind gRPC's handler. What is fired from here reaches the channel itself, which
/// registers connections; what gRPC's handler passes on ends here, as the channel could do nothing with it.
final class ConnectionRegistrar: ChannelInboundHandler {
  typealias InboundIn = Any

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
