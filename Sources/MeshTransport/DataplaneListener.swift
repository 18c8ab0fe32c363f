import GRPCNIOTransportHTTP2
import HTTPService
import Logging
import NIOCore
import NIOPosix

/// Listens for gRPC's transport. One port can serve more than gRPC, because connections are classified before gRPC gets them.
struct DataplaneListener: HTTP2ServerTransport.ListenerFactory {
  typealias ConnectionChannel = HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel

  let host: String
  let port: Int
  /// A listening socket that takes the place of a new one.
  let socket: NIOBSDSocket.Handle?
  let eventLoopGroup: any EventLoopGroup
  let setup: @Sendable (HTTP2ServerTransport.ConnectionConfigurator) -> ConnectionClassifier.Setup
  let logger: Logger
  /// Called with the port once connections are accepted.
  let onListening: @Sendable (Int) -> Void

  func makeListeningChannel(
    listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
    connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
  ) async throws -> NIOAsyncChannel<ConnectionChannel, Never> {
    let setup = setup(connectionConfigurator)
    let bootstrap = ServerBootstrap(group: eventLoopGroup)
      .serverChannelOption(.backlog, value: ListeningSocket.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.maxMessagesPerRead, value: 16)
      .serverChannelOption(.autoRead, value: false)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          // When file descriptors run out, wait a second before the next accept.
          let backoff = AcceptBackoffHandler(shouldForwardIOErrorCaught: false)
          try channel.pipeline.syncOperations.addHandler(backoff)
          try channel.pipeline.syncOperations.addHandler(
            DescriptorGuard(DescriptorReserve(), service: setup.service))
        }.flatMap {
          listenerConfigurator.configure(channel: channel)
        }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try setup.begin(channel)
        }
      }
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
    let server =
      if let socket {
        try await bootstrap.withBoundSocket(socket).get()
      } else {
        try await bootstrap.bind(host: host, port: port).get()
      }
    if let socket { ListeningSocket.restoreBacklog(of: socket) }
    let logger = logger
    let wrapped = try await server.eventLoop.submit {
      let pipeline = server.pipeline.syncOperations
      try pipeline.addHandler(ConnectionAcceptor(logger: logger))
      let wrapped = try NIOAsyncChannel<ConnectionChannel, Never>(wrappingChannelSynchronously: server)
      try pipeline.addHandler(ConnectionRegistrar())
      return wrapped
    }.get()
    try await server.setOption(.autoRead, value: true).get()
    onListening(server.localAddress?.port ?? port)
    return wrapped
  }
}

/// The first handler of the listening channel. Sends accepted connections past gRPC's handler, to be registered and classified.
/// Passes those that speak gRPC to that handler.
final class ConnectionAcceptor: ChannelInboundHandler {
  typealias InboundIn = Channel
  typealias InboundOut = DataplaneListener.ConnectionChannel

  private let logger: Logger
  private var context: ChannelHandlerContext?

  init(logger: Logger) { self.logger = logger }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let registrar = try? context.pipeline.syncOperations.context(handlerType: ConnectionRegistrar.self) else {
      return unwrapInboundIn(data).close(promise: nil)
    }
    registrar.fireChannelRead(data)
  }

  // A failure of one connection must not stop the server.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug("a connection could not be accepted", metadata: ["error": "\(error)"])
  }

  /// Passes a connection to gRPC.
  static func deliver(_ connection: DataplaneListener.ConnectionChannel, of channel: any Channel) {
    // gRPC's writer must live until the connection is closed, even if the server no longer accepts connections: NIO traps when
    // an unfinished writer is released.
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

/// The last handler of the listening channel. Events fired here reach the channel itself, which registers connections. Events
/// that gRPC's handler passes on end here, since the channel cannot use them.
final class ConnectionRegistrar: ChannelInboundHandler {
  typealias InboundIn = Any

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
