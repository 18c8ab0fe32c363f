public import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// Listens on an address and serves requests over HTTP/1.1, and over HTTP/2 where something sets that up.
public struct HTTPServer: Service {
  /// The address or name to listen on.
  public var host: String
  /// The port; 0 for a free one.
  public var port: Int
  /// Serves the requests.
  public var service: RequestService
  /// Runs the connections.
  public var eventLoopGroup: any EventLoopGroup
  /// A listening socket that takes the place of a new one; it is closed when the server ends.
  package var socket: NIOBSDSocket.Handle?
  /// How connections are encrypted; nil for a server without TLS.
  package var encryption: Encryption?
  /// Sets up connections that speak HTTP/2; nil for a server that speaks HTTP/1.1 alone.
  package var http2: ConnectionClassifier.HTTP2Setup?
  /// The descriptors that connections leave to the rest of the program.
  package var reserve = DescriptorReserve()
  /// Called with the port once the server accepts connections.
  public var onListening: @Sendable (Int) async -> Void

  /// Makes a server that does not listen yet.
  public init(
    host: String, port: Int, service: RequestService, eventLoopGroup: any EventLoopGroup,
    onListening: @escaping @Sendable (Int) async -> Void = { _ in }
  ) {
    self.host = host
    self.port = port
    self.service = service
    self.eventLoopGroup = eventLoopGroup
    self.onListening = onListening
  }

  /// Serves until the service group shuts down gracefully or the task is cancelled.
  ///
  /// A graceful shutdown answers the requests that have arrived and those that are on their way, each with `Connection: close`, and
  /// closes connections without a request after ``ReceiptLimits/lastRequest``.
  ///
  /// - Throws: NIO's `IOError` if the address cannot be bound, or if the listening socket fails later.
  public func run() async throws {
    let listening = try await listen()
    await onListening(listening.localAddress?.port ?? port)
    let isOver = Atomic(false)
    try await withTaskCancellationOrGracefulShutdownHandler {
      do {
        try await listening.closeFuture.get()
      } catch  where isOver.load(ordering: .relaxed) {}
      guard isOver.load(ordering: .relaxed) else { throw ChannelError.eof }
    } onCancelOrGracefulShutdown: {
      isOver.store(true, ordering: .relaxed)
      listening.close(promise: nil)
    }
    // A connection that was accepted last may not have got its handlers yet.
    for loop in eventLoopGroup.makeIterator() { try? await loop.submit {}.get() }
    await service.end()
  }

  private func listen() async throws -> any Channel {
    let connection = ServedConnection(service: service, encryption: encryption, http2: http2)
    let bootstrap = ServerBootstrap(group: eventLoopGroup)
      .serverChannelOption(.backlog, value: ListeningSocket.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelInitializer { [reserve, service] channel in
        channel.eventLoop.makeCompletedFuture {
          // When file descriptors run out, wait a second before the next accept.
          try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler(shouldForwardIOErrorCaught: false))
          try channel.pipeline.syncOperations.addHandler(DescriptorGuard(reserve, service: service))
        }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try connection.begin(channel) }
      }
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      // What is read at once may have to wait for an answer, in memory: at most 64 KiB.
      .childChannelOption(.maxMessagesPerRead, value: 1)
    guard let socket else { return try await bootstrap.bind(host: host, port: port).get() }
    let channel = try await bootstrap.withBoundSocket(socket).get()
    ListeningSocket.restoreBacklog(of: socket)
    return channel
  }
}

/// Sets up accepted connections.
private struct ServedConnection: Sendable {
  let service: RequestService
  let encryption: Encryption?
  let http2: ConnectionClassifier.HTTP2Setup?

  /// Adds the handlers of a new connection, on its event loop.
  func begin(_ channel: any Channel) throws {
    do {
      if let http2 {
        return try ConnectionClassifier.Setup(
          encryption: encryption, timeout: service.limits.head, service: service, http2: http2
        ).begin(channel)
      }
      guard let slot = try service.place(for: channel, encryption: encryption) else { return }
      guard let encryption else { return try service.configure(channel, slot: slot, isSecure: false) }
      let deadline = NIODeadline.now() + TimeAmount(service.limits.head)
      let detector = EncryptionDetector(encryption, service: service, deadline: deadline) {
        [service] channel, result in
        try service.configure(channel, slot: slot, isSecure: result.isSecure, certificate: result.certificate)
      }
      try channel.pipeline.syncOperations.addHandler(detector)
    } catch {
      // Nobody else closes a connection that cannot be set up, not even when the client leaves.
      channel.close(promise: nil)
      throw error
    }
  }
}
