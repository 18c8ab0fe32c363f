import GRPCCore
import HTTPService
import MeshModel
import MeshXDS
package import ProxyEvidence
import Synchronization

/// Takes what Envoys count over Envoy's own metrics service, `envoy.service.metrics.v3.MetricsService`: those of proxies whose `kuma-dp`
/// does not tell it.
package final class MetricsService: Sendable {
  /// How evidence is taken.
  package struct Setup: Sendable {
    /// Checks who sends.
    package var admission: EvidenceAdmission
    /// Takes the statistics of a proxy.
    package var take: @Sendable (_ mesh: String, _ name: String, _ values: [Statistic: Int]) -> EvidenceVerdict
    /// How often Envoys send, as their bootstrap says.
    package var interval: Duration

    /// Describes it.
    package init(
      admission: EvidenceAdmission, interval: Duration,
      take: @escaping @Sendable (_ mesh: String, _ name: String, _ values: [Statistic: Int]) -> EvidenceVerdict
    ) {
      self.admission = admission
      self.interval = interval
      self.take = take
    }
  }

  private static let service = "envoy.service.metrics.v3.MetricsService"
  private static let method = "StreamMetrics"
  /// The path of the method.
  static let path = "/\(service)/\(method)"
  /// The size of a message in bytes: an Envoy with ten thousand statistics sends less.
  static let messageBytes = 4 << 20

  private let setup: Setup
  private let receipts: StreamReceipts
  private let streamLimit: Int
  private let state = Mutex(State())

  private struct State {
    /// The ends of the open streams, by a number.
    var streams: [UInt64: AsyncStream<Never>.Continuation] = [:]
    var last: UInt64 = 0
    var isEnding = false
  }

  init(_ setup: Setup, receipts: StreamReceipts, streamLimit: Int) {
    self.setup = setup
    self.receipts = receipts
    self.streamLimit = streamLimit
  }

  /// Registers the method.
  func register<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    router.registerHandler(
      forMethod: MethodDescriptor(fullyQualifiedService: Self.service, method: Self.method),
      deserializer: MetricsMessageDeserializer(), serializer: EncodedMessageSerializer()
    ) { request, _ in
      StreamingServerResponse { writer in
        do throws(SessionRefusal) {
          try await self.serve(request)
        } catch {
          throw RPCError(code: error.code.rpcCode, message: error.message)
        }
        // An empty answer, as the method has one.
        try await writer.write([])
        return [:]
      }
    }
  }

  /// Ends all streams, and refuses new ones.
  func beginShutdown() {
    let streams = state.withLock { state in
      state.isEnding = true
      return Array(state.streams.values)
    }
    for stream in streams { stream.finish() }
  }

  private func serve(_ request: StreamingServerRequest<MetricsMessage>) async throws(SessionRefusal) {
    let (end, continuation) = AsyncStream<Never>.makeStream()
    let number: UInt64? = state.withLock { state in
      guard !state.isEnding, state.streams.count < streamLimit else { return nil }
      state.last += 1
      state.streams[state.last] = continuation
      return state.last
    }
    guard let number else {
      throw SessionRefusal(code: .unavailable, message: "too many proxies send statistics, or this control plane ends")
    }
    defer { state.withLock { _ = $0.streams.removeValue(forKey: number) } }
    let result = await withTaskGroup(of: Result<Void, SessionRefusal>.self) { group in
      group.addTask {
        do throws(SessionRefusal) { return .success(try await self.receive(request)) } catch { return .failure(error) }
      }
      group.addTask {
        for await _ in end {}
        return .failure(
          SessionRefusal(code: .unavailable, message: "the control plane is shutting down; connect again"))
      }
      let first = await group.next()
      group.cancelAll()
      return first ?? .success(())
    }
    try result.get()
  }

  private func receive(_ request: StreamingServerRequest<MetricsMessage>) async throws(SessionRefusal) {
    let receipt = request.metadata[stringValues: StreamReceipts.header].first { _ in true }.flatMap { receipts[$0] }
    let refusal = Mutex<SessionRefusal?>(nil)
    receipt?.onRefusal { reason in refusal.withLock { $0 = reason } }
    let tokens = Array(request.metadata[stringValues: "authorization"])
    var sender: (proxy: (mesh: String, name: String), pass: EvidenceAdmission.Pass)?
    // One that sends more often is read slowly.
    var allowance = Allowance(burst: 4, recovery: setup.interval / 2)
    do {
      for try await message in request.messages {
        receipt?.release(MessageAssembler.charge(message.byteCount))
        if let refusal = refusal.withLock({ $0 }) { throw refusal }
        let delay = allowance.borrow(at: .now)
        if delay > .zero { try await Task.sleep(for: delay) }
        if sender == nil { sender = try await admit(message.nodeID, tokens) }
        guard let sender else { continue }
        if let reason = sender.pass.authority.revocation() { throw SessionRefusal.unauthenticated(reason) }
        _ = setup.take(sender.proxy.mesh, sender.proxy.name, message.values)
      }
    } catch let error as SessionRefusal {
      throw error
    } catch let error as RPCError where error.code == .invalidArgument {
      throw SessionRefusal(code: .invalidArgument, message: error.message)
    } catch {
      // The stream has ended.
    }
    if let refusal = refusal.withLock({ $0 }) { throw refusal }
  }

  private func admit(
    _ nodeID: String?, _ tokens: [String]
  ) async throws(SessionRefusal) -> (proxy: (mesh: String, name: String), pass: EvidenceAdmission.Pass) {
    guard let nodeID, let dot = nodeID.firstIndex(of: "."), dot != nodeID.startIndex else {
      throw SessionRefusal(
        code: .invalidArgument,
        message: "the first message needs identifier.node.id, in the form <mesh>.<dataplane name>")
    }
    guard tokens.count <= 1 else {
      throw SessionRefusal(code: .unauthenticated, message: "there are \(tokens.count) authorization headers; send one")
    }
    let proxy = (mesh: String(nodeID[..<dot]), name: String(nodeID[nodeID.index(after: dot)...]))
    let pass = try await setup.admission.check(mesh: proxy.mesh, name: proxy.name, authorization: tokens.first)
    return (proxy, pass)
  }
}
