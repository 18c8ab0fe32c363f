import HummingbirdCore
public import Logging
public import NIOCore
public import ServiceLifecycle

/// Listens on an address and serves requests over HTTP/1.1.
public struct HTTPServer: Service {
  /// The address or name to listen on.
  public var host: String
  /// The port; 0 for a free one.
  public var port: Int
  /// Serves the requests.
  public var service: RequestService
  /// Runs the connections.
  public var eventLoopGroup: any EventLoopGroup
  /// How connections are encrypted; nil for a server without TLS.
  package var encryption: Encryption?
  /// Called with the port once the server accepts connections.
  public var onListening: @Sendable (Int) async -> Void
  private let logger: Logger

  /// Makes a server that does not listen yet.
  ///
  /// - Parameter logger: logs errors of connections.
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

  /// Serves until the service group shuts down gracefully or the task is cancelled. A graceful shutdown answers open requests.
  ///
  /// - Throws: NIO's `IOError` if the address cannot be bound.
  public func run() async throws {
    let server = Server(
      childChannelSetup: ServedConnection(service: service, encryption: encryption),
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

/// Sets up accepted connections.
private struct ServedConnection: ServerChildChannel {
  struct Value: ServerChildChannelValue {
    let channel: any Channel
  }

  let service: RequestService
  let encryption: Encryption?

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      do {
        guard let slot = try service.place(for: channel) else { return Value(channel: channel) }
        guard let encryption else {
          try service.configure(channel, slot: slot, isSecure: false)
          return Value(channel: channel)
        }
        let deadline = NIODeadline.now() + TimeAmount(service.limits.head)
        let detector = EncryptionDetector(encryption, service: service, deadline: deadline) {
          [service] channel, result in
          try service.configure(channel, slot: slot, isSecure: result.isSecure, certificate: result.certificate)
        }
        try channel.pipeline.syncOperations.addHandler(detector)
        return Value(channel: channel)
      } catch {
        // Nobody else closes a connection that cannot be set up, not even when the client leaves.
        channel.close(promise: nil)
        throw error
      }
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
  /// Reserves a slot for a new connection. If none is free, sends a refusal, closes the connection, and returns nil. Call it on the
  /// connection's event loop.
  public func place(for channel: any Channel) throws -> ConnectionSlot? {
    switch connections.enter(channel) {
    case .entered(let slot, let hasReplaced):
      if hasReplaced {
        note(.madeRoom, "the server closes slow connections to accept new ones: all \(connections.limit) are in use")
      }
      return slot
    case .full:
      note(.full, "the server refuses connections: all \(connections.limit) are in use")
      try refuse(channel, .overloaded)
    case .addressFull:
      note(
        .addressFull,
        "the server refuses connections of \(channel.remoteAddress?.ipAddress ?? "an address"), which has "
          + "\(connections.addressLimit), the most for one address")
      try refuse(channel, .addressFull(limit: connections.addressLimit))
    }
    return nil
  }

  /// Sends a refusal to a new connection, whatever it has sent, and closes it. Call it on the connection's event loop.
  func refuse(_ channel: any Channel, _ refusal: RequestRefusal) throws {
    let handler = RefusedConnection(ReceiptWatch.bytes(of: answer(to: nil, refusal)), connections)
    try channel.pipeline.syncOperations.addHandler(handler)
  }
}

/// Sends a refusal to a connection, and closes it.
private final class RefusedConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let answer: ByteBuffer
  private let connections: ConnectionBudget

  init(_ answer: ByteBuffer, _ connections: ConnectionBudget) {
    self.answer = answer
    self.connections = connections
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { refuse(context) }
  }

  func channelActive(context: ChannelHandlerContext) { refuse(context) }

  private func refuse(_ context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    // A client that is still sending may miss the answer if the connection is closed immediately.
    guard connections.beginRefused() else { return context.close(promise: nil) }
    let channel = context.channel
    channel.close(mode: .output, promise: nil)
    channel.closeFuture.whenComplete { [connections] _ in connections.endRefused() }
    channel.eventLoop.scheduleTask(in: .milliseconds(500)) { channel.close(promise: nil) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
  }
}
