import EnvoyAPI
import Foundation
import GRPCCore
import HTTPService
import Logging
import MeshModel
import MeshXDS
import NIOCore
import SwiftProtobuf
import Synchronization

/// Serves aggregated discovery streams, state of the world and delta.
final class DiscoveryService: Sendable {
  private struct State {
    var streams: [String: DiscoveryMailbox] = [:]
    var opening = 0
    var isShuttingDown = false
  }

  private let cache: SnapshotCache
  private let observer: any ProxySessionObserver
  private let limits: DataplaneServer.Limits
  private let receipts: StreamReceipts
  /// The budget for names that proxies subscribe to and that no resource has.
  private let names: ByteBudget
  private let documents: DataplaneServer.DocumentExecutor?
  private let logger: Logger
  private let refusals = RefusalLog(server: DataplaneServer.name)
  private let state = Mutex(State())
  private let delayed = Atomic(0)
  /// Streams that were refused or ended.
  let refused = RefusedStreams()

  /// - Parameters:
  ///   - receipts: the memory that requests hold of a budget.
  ///   - names: the budget for names that no resource has.
  ///   - documents: the executors for registrations of proxies; `nil` for the default one.
  init(
    cache: SnapshotCache, observer: any ProxySessionObserver, limits: DataplaneServer.Limits, receipts: StreamReceipts,
    names: ByteBudget, documents: DataplaneServer.DocumentExecutor?, logger: Logger
  ) {
    self.cache = cache
    self.observer = observer
    self.limits = limits
    self.receipts = receipts
    self.names = names
    self.documents = documents
    self.logger = logger
  }

  /// The number of open streams.
  var streamCount: Int { state.withLock { $0.streams.count } }

  /// How many requests had to wait because their streams sent too many.
  var delayedRequests: Int { delayed.load(ordering: .relaxed) }

  /// The requests of a stream that are read at once; beside these there is one for each response, which the proxy has to answer.
  /// Beyond that, the stream is read slowly, and its client finds its window closed.
  static let requests = Allowance(burst: 500, perSecond: 50)

  private static let service = "envoy.service.discovery.v3.AggregatedDiscoveryService"
  private static let methods = [
    ("StreamAggregatedResources", DiscoveryVariant.stateOfTheWorld), ("DeltaAggregatedResources", .incremental),
  ]

  /// The paths of the served methods.
  static var paths: Set<String> { Set(methods.map { "/\(service)/\($0.0)" }) }

  /// Registers the methods of `envoy.service.discovery.v3.AggregatedDiscoveryService`.
  func register<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    for (method, variant) in Self.methods {
      router.registerHandler(
        forMethod: MethodDescriptor(fullyQualifiedService: Self.service, method: method),
        deserializer: DiscoveryRequestDeserializer(variant: variant),
        serializer: EncodedMessageSerializer()
      ) { request, context in
        StreamingServerResponse { writer in
          do {
            try await self.serve(request, variant: variant, remotePeer: context.remotePeer, writer: writer)
          } catch let error as RPCError {
            self.refused.count(error.code)
            throw error
          }
          return [:]
        }
      }
    }
  }

  /// Ends all streams with a status on which proxies reconnect, and refuses new ones.
  func beginShutdown() {
    let streams = state.withLock { state in
      state.isShuttingDown = true
      return Array(state.streams.values)
    }
    for stream in streams { stream.end(.shutdown) }
  }

  // MARK: One stream

  private func serve(
    _ request: StreamingServerRequest<DiscoveryStreamRequest>, variant: DiscoveryVariant, remotePeer: String,
    writer: RPCWriter<[UInt8]>
  ) async throws {
    let mailbox = DiscoveryMailbox(variant: variant)
    let id = UUID().uuidString.lowercased()
    try admit(mailbox, id: id)
    defer { state.withLock { _ = $0.streams.removeValue(forKey: id) } }
    let authorization = try Self.authorization(request.metadata)
    let receipt = request.metadata[stringValues: StreamReceipts.header].first { _ in true }.flatMap { receipts[$0] }
    receipt?.onRefusal { mailbox.end(.failed($0)) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          try await self.receive(request, into: mailbox, receipt, remotePeer)
          mailbox.end(.closedByProxy)
        } catch let error as RPCError where error.code == .invalidArgument {
          mailbox.end(.failed(SessionRefusal(code: .invalidArgument, message: error.message)))
        } catch let refusal as SessionRefusal {
          mailbox.end(.failed(refusal))
        } catch {
          mailbox.end(.closedByProxy)
        }
      }
      defer { group.cancelAll() }
      var stream = OpenStream(mailbox: mailbox, writer: writer)
      let end: SessionEnd
      do {
        end = try await pump(&stream, id, authorization: authorization, remotePeer: remotePeer)
      } catch {
        await close(stream, end: .closedByProxy)
        throw error
      }
      await close(stream, end: end)
      switch end {
      case .closedByProxy: return
      case .shutdown: throw RPCError(code: .unavailable, message: "the control plane is shutting down; connect again")
      case .failed(let refusal):
        logger.warning(
          "a proxy's stream was ended",
          metadata: [
            "proxy": "\(stream.session?.nodeID.printable(atMost: 100) ?? "unknown")", "peer": "\(remotePeer)",
            "reason": "\(refusal.reason.printable)",
          ])
        throw RPCError(code: refusal.code.rpcCode, message: refusal.message)
      }
    }
  }

  /// What a stream shows. Of several tokens it would not be clear which one counts. Source of the text: Kuma 2.7.
  private static func authorization(_ metadata: Metadata) throws(RPCError) -> String? {
    let values = Array(metadata[stringValues: "authorization"])
    guard values.count <= 1 else {
      throw RPCError(
        code: .unauthenticated, message: "request must have exactly 1 \"authorization\" header, got \(values.count)")
    }
    return values.first
  }

  /// Passes each request to the mailbox and releases its memory.
  private func receive(
    _ request: StreamingServerRequest<DiscoveryStreamRequest>, into mailbox: DiscoveryMailbox,
    _ receipt: StreamReceipt?,
    _ remotePeer: String
  ) async throws {
    var charged = 0
    defer { names.release(charged) }
    var hasOverflowed = false
    var (allowance, responses) = (Self.requests, 0)
    for try await message in request.messages {
      let sent = mailbox.responses
      allowance.earn(Double(sent - responses))
      responses = sent
      let delay = allowance.borrow(at: .now)
      if delay > .zero {
        delayed.add(1, ordering: .relaxed)
        try await Task.sleep(for: delay)
      }
      mailbox.receive(message)
      receipt?.release(MessageAssembler.charge(message.byteCount))
      let cost = mailbox.costOfUnknownNames
      if cost > charged {
        guard names.reserve(cost - charged) else {
          throw SessionRefusal(
            code: .resourceExhausted,
            message:
              "the names of missing resources that proxies subscribe to have reached their memory limit; retry later")
        }
      } else {
        names.release(charged - cost)
      }
      charged = cost
      if !hasOverflowed, let type = mailbox.overflowingTypes.first {
        hasOverflowed = true
        refused.countOverflow()
        logger.warning(
          "a proxy subscribes to more names than are kept; it gets all resources of the type",
          metadata: ["peer": "\(remotePeer)", "type": "\(type.printable(atMost: 200))"])
      }
    }
  }

  private struct OpenStream {
    let mailbox: DiscoveryMailbox
    let writer: RPCWriter<[UInt8]>
    var session: ProxySession?
    var watch: SnapshotWatch?
    private var waits: [DiscoveryStreamStateMachine.Wait.Timer: Task<Void, Never>] = [:]
    private var answer: Task<Void, Never>?

    init(mailbox: DiscoveryMailbox, writer: RPCWriter<[UInt8]>) {
      self.mailbox = mailbox
      self.writer = writer
    }

    /// Reports a wait to the mailbox when its time has passed, unless another one for the same timer replaces it.
    mutating func wait(_ wait: DiscoveryStreamStateMachine.Wait) {
      waits[wait.timer]?.cancel()
      waits[wait.timer] = Task { [mailbox] in
        do { try await Task.sleep(for: wait.duration) } catch { return }
        mailbox.notePassed(wait)
      }
    }

    /// Ends the stream if the proxy does not answer a response in a time.
    mutating func awaitAnswer(_ limit: Duration) {
      answer?.cancel()
      answer = Task { [mailbox] in
        do { try await Task.sleep(for: limit) } catch { return }
        let message = "the proxy has not answered its runtime within \(limit.words), and its listeners wait for that"
        mailbox.end(.failed(SessionRefusal(code: .deadlineExceeded, message: message)))
      }
    }

    /// Notes an answer, which ``awaitAnswer(_:)`` waits for.
    func noteAnswer() { answer?.cancel() }

    func endWaits() {
      for wait in waits.values { wait.cancel() }
      answer?.cancel()
    }
  }

  private func admit(_ mailbox: DiscoveryMailbox, id: String) throws(RPCError) {
    try state.withLock { state throws(RPCError) in
      if state.isShuttingDown {
        throw RPCError(code: .unavailable, message: "the control plane is shutting down; connect again")
      }
      guard state.streams.count < limits.streams else {
        throw RPCError(
          code: .resourceExhausted, message: "the limit of \(limits.streams) streams is reached; connect again later")
      }
      state.streams[id] = mailbox
    }
  }

  /// Performs the state machine's actions until the stream ends.
  private func pump(
    _ stream: inout OpenStream, _ id: String, authorization: String?, remotePeer: String
  ) async throws -> SessionEnd {
    let mailbox = stream.mailbox
    for await _ in mailbox.wakeUps {
      work: while true {
        switch mailbox.next() {
        case .wait: break work
        case .end(let end): return end
        case .lookUpSnapshot:
          if let proxy = stream.session?.nodeID, let snapshot = cache.snapshot(for: proxy) { mailbox.apply(snapshot) }
        case .act(.nodeKnown(let node)):
          let session = ProxySession(
            id: id, nodeID: node.id, authorization: authorization, remotePeer: remotePeer,
            onEnd: { mailbox.end(.failed($0)) })
          // On the executor for documents, since the node contains one. In a task of its own: its stream's task would hold the
          // memory that the registration allocates from a task until the stream ends.
          try await Task(executorPreference: documents?(session.client)) {
            try await self.register(session, node: node)
          }.value
          watch(&stream, session)
        case .act(.send(let response)):
          guard let session = stream.session else { break }
          try await stream.writer.write(response.serialized())
          observer.responseSent(session, typeURL: response.typeURL)
          if response.typeURL == ResourceTypeURL.runtime { stream.awaitAnswer(limits.runtimeAnswer) }
          mailbox.noteSent()
        case .act(.acknowledged(let typeURL, _, _)):
          if typeURL == ResourceTypeURL.runtime { stream.noteAnswer() }
          if let session = stream.session { observer.acknowledged(session, typeURL: typeURL) }
        case .act(.rejected(let typeURL, _, _, let message)):
          if typeURL == ResourceTypeURL.runtime { stream.noteAnswer() }
          if let session = stream.session { observer.rejected(session, typeURL: typeURL, message: message) }
        case .act(.wait(let wait)): stream.wait(wait)
        case .act(.fail(let failure)):
          mailbox.end(.failed(SessionRefusal(failure)))
        }
      }
    }
    // The stream's task was cancelled.
    return .shutdown
  }

  private func register(_ session: ProxySession, node: Envoy_Config_Core_V3_Node) async throws(RPCError) {
    try state.withLock { state throws(RPCError) in
      guard state.opening < limits.openingStreams else {
        throw RPCError(code: .unavailable, message: "too many proxies are connecting; retry soon")
      }
      state.opening += 1
    }
    defer { state.withLock { $0.opening -= 1 } }
    do throws(SessionRefusal) {
      try await observer.sessionOpened(session, ProxyIntroduction(node, remotePeer: session.remotePeer))
    } catch {
      note(error, of: session)
      throw RPCError(code: error.code.rpcCode, message: error.message)
    }
  }

  private func note(_ refusal: SessionRefusal, of session: ProxySession) {
    let proxy = session.nodeID.printable(atMost: 100)
    switch refusal.code {
    case .unauthenticated, .permissionDenied:
      let host = ProxyAddress(remotePeer: session.remotePeer, adminPort: nil).host
      refusals.note(
        "proxy \(proxy): \(refusal.reason.printable(atMost: 1_000))", operation: "discovery",
        caller: Caller(address: host, isLoopback: host.map { HostRules.isLoopback($0) } ?? false, isSecure: false),
        to: logger)
    default:
      logger.info("a proxy was refused", metadata: ["proxy": "\(proxy)", "reason": "\(refusal.reason.printable)"])
    }
  }

  private func watch(_ stream: inout OpenStream, _ session: ProxySession) {
    let mailbox = stream.mailbox
    stream.session = session
    mailbox.remember(cache.held(by: session.nodeID))
    stream.watch = cache.watch(session.nodeID) { mailbox.noteSnapshot() }
  }

  private func close(_ stream: OpenStream, end: SessionEnd) async {
    stream.endWaits()
    if let watch = stream.watch { cache.end(watch, held: stream.mailbox.held) }
    if let session = stream.session { await observer.sessionClosed(session, end: end) }
  }
}
