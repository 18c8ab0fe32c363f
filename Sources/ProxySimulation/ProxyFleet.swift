import EnvoyAPI
package import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import NIOPosix
import SwiftProtobuf
import Synchronization

/// Proxies that subscribe as Envoy does, each with a connection of its own, over real gRPC.
///
/// What they receive and when they answered is kept, for tests to compare and benchmarks to time.
public final class ProxyFleet: Sendable {
  /// Whom the proxies connect to, and who they are.
  public struct Settings: Sendable {
    /// The address of the data plane server.
    public var host = "127.0.0.1"
    /// Its port.
    public var port: Int
    /// Whether to use TLS. The server's certificate is not checked: whoever measures knows it.
    public var isSecure = false
    /// Whether to use the incremental variant of the protocol.
    public var isIncremental = false
    /// The Dataplane, as a document, that a proxy brings along; by node id.
    public var dataplane: @Sendable (String) -> String? = { _ in nil }
    /// The token that a proxy shows; by node id.
    public var token: @Sendable (String) -> String? = { _ in nil }
    /// The version of Envoy that the proxies say they are, as in `(1, 35, 0)`; `nil` when they say none.
    public var envoyVersion: (major: UInt32, minor: UInt32, patch: UInt32)?
    /// Is told what a proxy holds of a type after each response that it takes: its node id, the type's URL, and what it holds.
    /// It must be quick: no proxy takes a response meanwhile.
    public var onResponse: (@Sendable (String, String, HeldResources) -> Void)?
    /// How long a proxy leaves each response unread after the last one. Meanwhile its transport takes what flow control allows, and the
    /// rest stays with the server.
    public var readingDelay = Duration.zero
    /// How long a proxy waits before it connects again.
    public var reconnectDelay = Duration.milliseconds(200)

    /// Settings for a server of this machine.
    public init(port: Int) { self.port = port }
  }

  /// What is known of one proxy.
  public struct Proxy: Sendable {
    /// Envoy's node id: `<mesh>.<name>`.
    public let nodeID: String
    /// What it holds, by type URL; what it held last while it is not connected.
    public internal(set) var held: [String: HeldResources] = [:]
    /// Responses received, refused ones too.
    public internal(set) var responses = 0
    /// Responses refused.
    public internal(set) var refused = 0
    /// Streams opened so far.
    public internal(set) var streams = 0
    /// Whether a stream is open.
    public internal(set) var isConnected = false
    /// When the last answer was handed to the transport.
    public internal(set) var lastAnswer: ContinuousClock.Instant?
    /// Why the last stream ended.
    public internal(set) var lastFailure: String?

    /// Whether it holds a first configuration: it has been given listeners.
    public var isConfigured: Bool { held[SimulatedType.listeners] != nil }
  }

  private struct State {
    var proxies: [Proxy]
    var names = ResourceNames()
    /// Refusals that are still to come, by proxy and type.
    var refusals: [Int: [String: String]] = [:]
    /// Types of which a proxy refuses every response, and why.
    var standingRefusals: [Int: [String: String]] = [:]
    /// What ends the present stream, by proxy.
    var hangUps: [Int: @Sendable () -> Void] = [:]
  }

  private let settings: Settings
  private let state: Mutex<State>
  private let indices: [String: Int]

  /// Makes a fleet; nothing connects before ``run()``.
  public init(nodeIDs: [String], settings: Settings) {
    self.settings = settings
    state = Mutex(State(proxies: nodeIDs.map { Proxy(nodeID: $0) }))
    indices = Dictionary(nodeIDs.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// All proxies as they are now.
  public var proxies: [Proxy] { state.withLock { $0.proxies } }

  /// Answers a question about the proxies without a copy of them.
  public func ask<Answer: Sendable>(_ question: ([Proxy]) -> Answer) -> Answer {
    state.withLock { question($0.proxies) }
  }

  /// The proxies, by index, of whose listeners at least one holds some bytes.
  package func holders(of bytes: Data) -> Set<Int> {
    ask { proxies in
      Set(
        proxies.indices.filter { index in
          proxies[index].held[SimulatedType.listeners]?.contents.values.contains { $0.firstRange(of: bytes) != nil }
            ?? false
        })
    }
  }

  /// The proxies, by index, of whose listeners at least one holds a text.
  package func holders(of text: String) -> Set<Int> { holders(of: Data(text.utf8)) }

  /// Has a proxy refuse the next response of a type.
  public func refuseNext(_ typeURL: String, of nodeID: String, message: String) {
    guard let index = indices[nodeID] else { return }
    state.withLock { $0.refusals[index, default: [:]][typeURL] = message }
  }

  /// Has a proxy refuse every response of a type from now on.
  public func refuseAlways(_ typeURL: String, of nodeID: String, message: String) {
    guard let index = indices[nodeID] else { return }
    state.withLock { $0.standingRefusals[index, default: [:]][typeURL] = message }
  }

  /// Has no proxy refuse anything any more.
  public func refuseNothing() {
    state.withLock { state in
      state.refusals = [:]
      state.standingRefusals = [:]
    }
  }

  /// Ends a proxy's stream; it connects again.
  public func disconnect(_ nodeID: String) {
    guard let index = indices[nodeID] else { return }
    state.withLock { $0.hangUps[index] }?()
  }

  /// Runs all proxies until cancelled; those whose stream ends connect again.
  public func run() async {
    await withDiscardingTaskGroup { group in
      let count = state.withLock { $0.proxies.count }
      for index in 0..<count { group.addTask { await self.runProxy(index) } }
    }
  }

  private func runProxy(_ index: Int) async {
    // As Envoy's, it outlives the streams: a proxy that comes back says what it holds.
    let conversation = Conversation(isIncremental: settings.isIncremental)
    while !Task.isCancelled {
      let stream = Task { try await self.stream(index, conversation) }
      state.withLock { $0.hangUps[index] = { stream.cancel() } }
      do {
        try await withTaskCancellationHandler {
          try await stream.value
        } onCancel: {
          stream.cancel()
        }
        note(index) { $0.lastFailure = "the server ended the stream" }
      } catch {
        note(index) { $0.lastFailure = "\(error)" }
      }
      note(index) { $0.isConnected = false }
      // Spread, so that a fleet that was cut off does not come back as one.
      let delay = settings.reconnectDelay * Double.random(in: 0.5...1.5)
      do { try await Task.sleep(for: delay) } catch { return }
    }
  }

  private func note(_ index: Int, _ change: (inout Proxy) -> Void) {
    state.withLock { change(&$0.proxies[index]) }
  }

  private func stream(_ index: Int, _ conversation: Conversation) async throws {
    let security: HTTP2ClientTransport.Posix.TransportSecurity =
      settings.isSecure ? .tls { $0.serverCertificateVerification = .noVerification } : .plaintext
    let transport = try HTTP2ClientTransport.Posix(
      target: .ipv4(address: settings.host, port: settings.port), transportSecurity: security)
    try await withGRPCClient(transport: transport) { client in
      if settings.isIncremental {
        try await serve(index, conversation, client, IncrementalVariant.self)
      } else {
        try await serve(index, conversation, client, WholeStateVariant.self)
      }
    }
  }

  private func serve<Variant: SimulatedVariant>(
    _ index: Int, _ conversation: Conversation, _ client: GRPCClient<HTTP2ClientTransport.Posix>,
    _ variant: Variant.Type
  ) async throws {
    let (outbox, outgoing) = AsyncStream<SimulatedRequest>.makeStream()
    var node = Envoy_Config_Core_V3_Node()
    node.id = state.withLock { $0.proxies[index].nodeID }
    if let dataplane = settings.dataplane(node.id) {
      node.metadata.fields["dataplane.resource"] = Google_Protobuf_Value(stringValue: dataplane)
    }
    if let version = settings.envoyVersion {
      node.userAgentName = "envoy"
      node.userAgentBuildVersion.version.majorNumber = version.major
      node.userAgentBuildVersion.version.minorNumber = version.minor
      node.userAgentBuildVersion.version.patch = version.patch
    }
    var metadata = Metadata()
    if let token = settings.token(node.id) { metadata.addString(token, forKey: "authorization") }
    let request = StreamingClientRequest<Variant.Request>(metadata: metadata) { [node] writer in
      var isFirst = true
      for await request in outbox {
        try await writer.write(Variant.encode(request, node: isFirst ? node : nil))
        isFirst = false
      }
    }
    for request in conversation.envoy.withLock({ $0.connect() }) { outgoing.yield(request) }
    note(index) { proxy in
      proxy.streams += 1
      proxy.isConnected = true
    }
    defer { outgoing.finish() }
    try await client.bidirectionalStreaming(
      request: request,
      descriptor: MethodDescriptor(
        fullyQualifiedService: "envoy.service.discovery.v3.AggregatedDiscoveryService", method: Variant.method),
      serializer: BytesSerializer<Variant.Request>(), deserializer: BytesDeserializer<Variant.Response>(),
      options: .defaults
    ) { response in
      for try await message in response.messages {
        if self.settings.readingDelay > .zero { try await Task.sleep(for: self.settings.readingDelay) }
        let requests = try conversation.envoy.withLock { try self.take(Variant.decode(message), index, &$0) }
        for request in requests { outgoing.yield(request) }
      }
      outgoing.finish()
    }
  }

  /// What a proxy and its server have told each other.
  private final class Conversation: Sendable {
    let envoy: Mutex<SimulatedEnvoy>

    init(isIncremental: Bool) {
      // It acknowledges clusters at once, so that no timer is needed for endpoints that do not come.
      envoy = Mutex(SimulatedEnvoy(isIncremental: isIncremental, waitsForEndpoints: false))
    }
  }

  private func take(
    _ response: SimulatedResponse, _ index: Int, _ envoy: inout SimulatedEnvoy
  ) throws -> [SimulatedRequest] {
    try state.withLock { state in
      let refusal =
        state.refusals[index]?.removeValue(forKey: response.typeURL)
        ?? state.standingRefusals[index]?[response.typeURL]
      let requests = try envoy.take(response, refusal: refusal, names: &state.names)
      state.proxies[index].held = envoy.held
      state.proxies[index].responses += 1
      if refusal != nil { state.proxies[index].refused += 1 }
      state.proxies[index].lastAnswer = .now
      if refusal == nil, let held = envoy.held[response.typeURL] {
        settings.onResponse?(state.proxies[index].nodeID, response.typeURL, held)
      }
      return requests
    }
  }
}
