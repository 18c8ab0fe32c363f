import HummingbirdCore
public import Logging
public import NIOCore
public import ServiceLifecycle

/// Listens on an address and serves requests over HTTP/1.1.
public struct HTTPServer: Service {
  /// The address or name to listen on.
  public var host: String
  /// The port; 0 takes a free one.
  public var port: Int
  /// How requests are served.
  public var service: RequestService
  /// Runs the connections.
  public var eventLoopGroup: any EventLoopGroup
  /// Told the port once connections are accepted.
  public var onListening: @Sendable (Int) async -> Void
  private let logger: Logger

  /// Makes a server; nothing listens yet.
  ///
  /// - Parameter logger: told of what goes wrong with connections.
  public init(
    host: String, port: Int, service: RequestService, eventLoopGroup: any EventLoopGroup, logger: Logger,
    onListening: @escaping @Sendable (Int) async -> Void = { _ in }
  ) {
    self.host = host
    self.port = port
    self.service = service
    self.eventLoopGroup = eventLoopGroup
    self.onListening = onListening
    self.logger = logger
  }

  /// Serves until the service group shuts down gracefully, which lets requests be answered, or the task is cancelled.
  ///
  /// - Throws: NIO's `IOError` if the address cannot be bound.
  public func run() async throws {
    let server = Server(
      childChannelSetup: ServedConnection(service: service),
      configuration: ServerConfiguration(address: .hostname(host, port: port), backlog: 1024),
      onServerRunning: { [onListening, port] channel in await onListening(channel.localAddress?.port ?? port) },
      eventLoopGroup: eventLoopGroup, logger: logger)
    do {
      try await withTaskCancellationHandler {
        try await server.run()
      } onCancel: {
        service.running.cancel()
      }
    } catch {
      await service.running.drained()
      throw error
    }
    await service.running.drained()
  }
}

/// What a server makes of a connection that it has accepted.
private struct ServedConnection: ServerChildChannel {
  struct Value: ServerChildChannelValue {
    let channel: any Channel
  }

  let service: RequestService

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      if let slot = try service.place(for: channel) {
        try service.configure(channel, slot: slot, isSecure: false)
      }
      return Value(channel: channel)
    }
  }

  func handle(value: Value, logger: Logger) async {
    await withTaskCancellationHandler {
      try? await value.channel.closeFuture.get()
    } onCancel: {
      value.channel.close(promise: nil)
    }
  }
}

extension RequestService {
  /// Takes a place for a new connection; nil if there is none, and then the connection is told so and ends. To be called on
  /// the connection's loop.
  public func place(for channel: any Channel) throws -> ConnectionSlot? {
    guard let (slot, hasMadeRoom) = connections.enter(channel) else {
      note(.full, "connections are refused: all \(connections.limit) are in use")
      let farewell = FarewellHandler(ReceiptWatch.bytes(of: answer(to: nil, .overloaded)), connections)
      try channel.pipeline.syncOperations.addHandler(farewell)
      return nil
    }
    if hasMadeRoom { note(.madeRoom, "slow connections are ended for new ones: all \(connections.limit) are in use") }
    return slot
  }
}

/// Tells a connection for which there is no place so, and ends it.
private final class FarewellHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let words: ByteBuffer
  private let connections: ConnectionBudget

  init(_ words: ByteBuffer, _ connections: ConnectionBudget) {
    self.words = words
    self.connections = connections
  }

  func channelActive(context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(words), promise: nil)
    // Whoever is still sending may miss what is said if the connection ends at once; but only so many may stay.
    guard connections.stay() else { return context.close(promise: nil) }
    let channel = context.channel
    channel.close(mode: .output, promise: nil)
    channel.closeFuture.whenComplete { [connections] _ in connections.leave() }
    channel.eventLoop.scheduleTask(in: .milliseconds(500)) { channel.close(promise: nil) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
  }
}
