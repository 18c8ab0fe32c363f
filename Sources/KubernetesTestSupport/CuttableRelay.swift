import NIOCore
import NIOPosix
import Synchronization

/// A relay before a server of this machine: it passes bytes on as they are, and can cut all its connections or go silent, as
/// networks do. It ends when it is released, also by a test that fails.
package final class CuttableRelay: Sendable {
  /// What happens to connections.
  package enum Behaviour: Sendable {
    /// Bytes pass.
    case passes
    /// New connections are taken and bytes are swallowed, in both directions.
    case isSilent
    /// New connections are closed at once.
    case refuses
  }

  /// The port at which it listens.
  package let port: Int
  private let listener: any Channel
  private let state: State

  private final class State: Sendable {
    let target: Int
    let source: String?
    let behaviour = Mutex(Behaviour.passes)
    let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
    let taken = Mutex(0)

    init(target: Int, source: String?) {
      self.target = target
      self.source = source
    }

    func keep(_ channel: any Channel) {
      let identifier = ObjectIdentifier(channel)
      channels.withLock { $0[identifier] = channel }
      channel.closeFuture.whenComplete { [self] _ in channels.withLock { $0[identifier] = nil } }
    }
  }

  /// Starts a relay.
  ///
  /// - Parameters:
  ///   - target: the port of the server, at 127.0.0.1.
  ///   - address: where the relay listens.
  ///   - port: the port there; a free one when it is 0.
  ///   - source: the address of this machine from which the server sees the connections come; one of loopback when it is `nil`.
  package static func start(
    before target: Int, at address: String = "127.0.0.1", port: Int = 0, from source: String? = nil
  ) async throws -> CuttableRelay {
    let state = State(target: target, source: source)
    let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { incoming in Self.connect(incoming, state) }
      .bind(host: address, port: port).get()
    return CuttableRelay(listener: listener, state: state)
  }

  private static func connect(_ incoming: any Channel, _ state: State) -> EventLoopFuture<Void> {
    state.taken.withLock { $0 += 1 }
    state.keep(incoming)
    if case .refuses = state.behaviour.withLock({ $0 }) {
      return incoming.eventLoop.makeFailedFuture(ChannelError.inputClosed)
    }
    var client = ClientBootstrap(group: incoming.eventLoop).channelOption(.autoRead, value: false)
    if let source = state.source {
      guard let address = try? SocketAddress(ipAddress: source, port: 0) else {
        return incoming.eventLoop.makeFailedFuture(ChannelError.unknownLocalAddress)
      }
      client = client.bind(to: address)
    }
    return
      client
      .connect(host: "127.0.0.1", port: state.target)
      .flatMap { outgoing in
        state.keep(outgoing)
        // Not by a handler: one that was cut while the other was being made was never active, and tells handlers nothing.
        incoming.closeFuture.whenComplete { _ in outgoing.close(promise: nil) }
        outgoing.closeFuture.whenComplete { _ in incoming.close(promise: nil) }
        do {
          try incoming.pipeline.syncOperations.addHandler(Passing(to: outgoing, state))
          try outgoing.pipeline.syncOperations.addHandler(Passing(to: incoming, state))
        } catch { return incoming.eventLoop.makeFailedFuture(error) }
        return incoming.setOption(.autoRead, value: true).and(outgoing.setOption(.autoRead, value: true)).map { _ in }
      }
  }

  /// Both ends of a connection are on one event loop.
  private final class Passing: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let other: any Channel
    private let state: State

    init(to other: any Channel, _ state: State) {
      self.other = other
      self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      if case .isSilent = state.behaviour.withLock({ $0 }) { return }
      other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }

  private init(listener: any Channel, state: State) {
    port = listener.localAddress?.port ?? 0
    self.listener = listener
    self.state = state
  }

  /// How many connections were taken so far.
  package var connectionsTaken: Int { state.taken.withLock { $0 } }

  /// Closes all connections; new ones are as the behaviour is.
  package func cut() {
    for channel in state.channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
  }

  /// Changes what happens to bytes and to new connections.
  package func behave(_ behaviour: Behaviour) { state.behaviour.withLock { $0 = behaviour } }

  /// Ends it.
  package func stop() async {
    try? await listener.close()
    cut()
  }

  deinit {
    listener.close(promise: nil)
    cut()
  }
}
