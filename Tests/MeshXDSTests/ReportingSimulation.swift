import EnvoyAPI
import Foundation
import MeshModel
import MeshPolicy
import MeshTestSupport
import ProxySimulation
import SwiftProtobuf

@testable import MeshXDS

/// A stream to a simulated Envoy whose tracers are simulated too, in simulated time, under load.
struct ReportingSimulation {
  /// What an Envoy, or the caller of the stream, may do wrong. Each of these breaks one rule of the order.
  enum Flaw: String, CaseIterable {
    /// Nobody waits until the timers are short.
    case impatience
    /// Nobody waits until listeners have drained.
    case noDrain
    /// The size for all never reaches the Envoy, so tracers are made with the size in use.
    case smallBuffers
    /// The short interval never reaches the Envoy.
    case longTimers
    /// Values of the runtime reach the workers only after the listeners that follow them.
    case lateRuntime
  }

  /// What is configured: the format of a Zipkin backend with a number, or something else.
  struct Configuration: Hashable {
    var destination: TracingDestination?
    var sampling: Int

    /// The name of its tracer.
    var tracer: String? {
      guard case .zipkin(let url, let options) = destination?.receiver else { return nil }
      return "\(url.path) \(options.format)"
    }

    var reporting: SpanReporting {
      SpanReporting(destination, tracer: tracer.map { ContentHash(of: Data($0.utf8)) })
    }
  }

  private static let workers = 2

  var generator: SeededGenerator
  private(set) var tracers: SimulatedTracers
  private(set) var configuration = Configuration(destination: nil, sampling: 100)
  /// How many of a hundred responses with listeners the proxy refuses.
  var refusals = 0
  /// What happened, for messages of tests.
  private(set) var trace: [String] = []
  /// How many responses were sent.
  private(set) var responses = 0

  private let drainTime: Int64
  private let variant: DiscoveryVariant
  private let flaw: Flaw?
  private var envoy: SimulatedEnvoy
  private var names = ResourceNames()
  private var machine: DiscoveryStreamStateMachine
  private var outbox: [SimulatedRequest] = []
  private var inbox: [DiscoveryStreamResponse] = []
  private var isWriting = false
  private var waits: [DiscoveryStreamStateMachine.Wait.Timer: (end: Int64, wait: DiscoveryStreamStateMachine.Wait)] =
    [:]
  private var values = SimulatedTracers.Values()
  private var lateValues: SimulatedTracers.Values?
  /// Whether the control plane is an older one, which does not know the runtime.
  private var isOlder: Bool

  /// - Parameters:
  ///   - drainTime: how long replaced listeners drain, in seconds.
  ///   - isOlder: whether the first control plane is an older one.
  init(
    variant: DiscoveryVariant, seed: UInt64, drainTime: Int64 = 3, flaw: Flaw? = nil, isOlder: Bool = false
  ) {
    generator = SeededGenerator(seed: seed)
    self.drainTime = drainTime
    tracers = SimulatedTracers(workers: Self.workers, drainTime: drainTime * 1000)
    self.variant = variant
    self.flaw = flaw
    self.isOlder = isOlder
    machine = DiscoveryStreamStateMachine(variant: variant)
    envoy = Self.envoy(variant)
    reconfigure()
    start()
  }

  private static func envoy(_ variant: DiscoveryVariant) -> SimulatedEnvoy {
    SimulatedEnvoy(
      isIncremental: variant == .incremental, waitsForEndpoints: false, runtimeLayer: ReportingMode.name)
  }

  /// The last events, and the first loss.
  var story: String { (trace.suffix(40) + [tracers.firstLoss ?? "nothing is lost"]).joined(separator: "\n") }

  /// The mode that the proxy holds.
  var mode: ReportingMode? { ReportingMode(held(SimulatedType.runtime)) }

  /// The mode that it is to have when everything has settled.
  var wantedMode: ReportingMode { ReportingMode(configuration.reporting) }

  /// Whether it has the newest listeners.
  var isCurrent: Bool { held(SimulatedType.listeners) == snapshot.listeners }

  private func held(_ typeURL: String) -> ResourceSet {
    ResourceSet((envoy.held[typeURL]?.contents ?? [:]).map { EncodedResource(name: $0, typeURL: typeURL, bytes: $1) })
  }

  // MARK: What may happen

  /// Time passes and something happens, at random.
  mutating func step() {
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<70: advance(Int64.random(in: 1...400, using: &generator))
    case 70..<85: advance(Int64.random(in: 400...2_500, using: &generator))
    // An older control plane knows no order: what it changes is lost in part.
    case 85..<95: if !isOlder { reconfigure() }
    case 95..<98: reconnect(isRestart: Bool.random(using: &generator))
    default: restartEnvoy()
    }
  }

  /// Lets time pass without changes, until everything has settled.
  mutating func settle() {
    for _ in 0..<150 { advance(100) }
  }

  /// Another backend, another format, another sampling, or none.
  mutating func reconfigure() {
    let url = try? CollectorURL("http://127.0.0.1:9411/\(Int.random(in: 1...2, using: &generator))")
    let options: ZipkinOptions? =
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: ZipkinOptions(format: .json)
      case 1: ZipkinOptions(format: .protobuf)
      case 2: ZipkinOptions(format: .json, isAutomatic: true)
      case 3, 4: ZipkinOptions(format: .protobuf, isAutomatic: true)
      default: nil
      }
    var receiver = TracingDestination.Receiver.datadog(address: "127.0.0.1", port: 8126, splitService: false)
    if let url, let options { receiver = .zipkin(url, options) }
    let isTraced = Int.random(in: 0..<8, using: &generator) > 0
    configuration.destination = isTraced ? TracingDestination(backend: "b", sampling: nil, receiver: receiver) : nil
    configuration.sampling = Int.random(in: 1...3, using: &generator)
    note("configure \(configuration.tracer ?? "none") \(wantedMode.minimumSpans) \(wantedMode.interval)")
    handle(.snapshotChanged(snapshot))
  }

  /// The stream ends and the proxy opens another one; with `isRestart`, the control plane has forgotten everything.
  mutating func reconnect(isRestart: Bool) {
    note(isRestart ? "restart of the control plane" : "reconnect")
    isOlder = false
    machine = DiscoveryStreamStateMachine(variant: variant, remembered: isRestart ? [:] : machine.held)
    start()
  }

  /// The Envoy ends and starts again; its last spans are another concern.
  private mutating func restartEnvoy() {
    note("restart of Envoy")
    envoy = Self.envoy(variant)
    tracers.restart()
    values = SimulatedTracers.Values()
    lateValues = nil
    reconnect(isRestart: false)
  }

  private mutating func start() {
    inbox = []
    outbox = []
    isWriting = false
    waits = [:]
    handle(.snapshotChanged(snapshot))
    outbox += envoy.connect()
    if isOlder { outbox += envoy.startWithoutRuntime() }
  }

  private var snapshot: ProxySnapshot {
    let tracer = configuration.tracer ?? ""
    var cluster = Envoy_Config_Cluster_V3_Cluster()
    cluster.name = "tracing:b"
    cluster.altStatName = tracer
    let listeners = ["in", "out"].map { name in
      var listener = Envoy_Config_Listener_V3_Listener()
      listener.name = name
      listener.statPrefix = "\(tracer);\(configuration.sampling)"
      return EncodedResource(name: name, typeURL: SimulatedType.listeners, bytes: Self.encoded(listener))
    }
    return ProxySnapshot(
      clusters: ResourceSet([
        EncodedResource(name: cluster.name, typeURL: SimulatedType.clusters, bytes: Self.encoded(cluster))
      ]), listeners: ResourceSet(listeners), reporting: configuration.reporting)
  }

  private static func encoded(_ message: some Message) -> Data { (try? message.serializedData()) ?? Data() }

  private mutating func note(_ line: String) {
    if tracers.lost == 0 { trace.append("\(tracers.now) \(line)") }
  }

  // MARK: Time

  /// Messages arrive, waits end, and spans are recorded meanwhile.
  private mutating func advance(_ milliseconds: Int64) {
    let end = tracers.now + milliseconds
    // Up to 16,000 spans a second in each worker.
    let rate = [0, 1, 1, 4, 16].randomElement(using: &generator) ?? 0
    while tracers.now < end {
      deliver()
      let isBusy = !inbox.isEmpty || !outbox.isEmpty || isWriting
      let next = waits.values.map(\.end).min() ?? .max
      let length = isBusy ? Int64.random(in: 1...3, using: &generator) : min(50, end - tracers.now)
      let step = max(1, min(length, next - tracers.now, end - tracers.now))
      // At a low rate, a span comes now and then.
      let spans = rate == 1 ? (Int.random(in: 0..<10, using: &generator) == 0 ? 1 : 0) : rate * Int(step)
      tracers.advance(step, spans: spans, of: tracers.active.randomElement(using: &generator))
      for (timer, wait) in waits where wait.end <= tracers.now {
        waits[timer] = nil
        handle(.passed(wait.wait))
      }
    }
  }

  private mutating func deliver() {
    if isWriting {
      isWriting = false
      handle(.sent)
    }
    if !outbox.isEmpty {
      let request = outbox.removeFirst()
      let message = encoded(request)
      if !isOlder || message.typeURL != ResourceTypeURL.runtime { handle(.request(message)) }
    }
    if !inbox.isEmpty { receive(inbox.removeFirst()) }
  }

  private func encoded(_ request: SimulatedRequest) -> DiscoveryStreamRequest {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "n"
    var values = Google_Protobuf_Struct()
    values.fields[ProxyMetadata.drainTime] = Google_Protobuf_Value(stringValue: "\(drainTime)s")
    node.metadata.fields["dynamicMetadata"] = Google_Protobuf_Value(structValue: values)
    return switch variant {
    case .stateOfTheWorld: DiscoveryStreamRequest(WholeStateVariant.encode(request, node: node))
    case .incremental: DiscoveryStreamRequest(IncrementalVariant.encode(request, node: node))
    }
  }

  private mutating func receive(_ response: DiscoveryStreamResponse) {
    let isRefused =
      response.typeURL == ResourceTypeURL.listener && Int.random(in: 0..<100, using: &generator) < refusals
    let message: SimulatedResponse? =
      switch variant {
      case .stateOfTheWorld: try? WholeStateVariant.decode(.init(serializedBytes: response.serialized()))
      case .incremental: try? IncrementalVariant.decode(.init(serializedBytes: response.serialized()))
      }
    guard let message,
      let requests = try? envoy.take(message, refusal: isRefused ? "refused" : nil, names: &names)
    else { return note("a response cannot be decoded") }
    outbox += requests
    switch response.typeURL {
    case SimulatedType.runtime: applyRuntime()
    case SimulatedType.listeners: isRefused ? applyPart() : applyListeners(newTracers)
    default: break
    }
  }

  private mutating func handle(_ event: DiscoveryStreamStateMachine.Event) {
    for action in machine.handle(event) {
      switch action {
      case .send(let response):
        isWriting = true
        responses += 1
        note("send \(Self.short(response.typeURL)) #\(response.nonce)")
        inbox.append(response)
      case .wait(let wait):
        let isOver = flaw == .impatience && wait.timer == .intervals || flaw == .noDrain && wait.timer == .drain
        waits[wait.timer] = (tracers.now + (isOver ? 1 : Int64(wait.duration / .milliseconds(1)) + 1), wait)
      case .acknowledged(let type, _, let nonce): note("ack \(Self.short(type)) #\(nonce)")
      case .rejected(let type, _, let nonce, _): note("nack \(Self.short(type)) #\(nonce)")
      case .nodeKnown, .fail: break
      }
    }
  }

  private static func short(_ typeURL: String) -> Substring { typeURL.split(separator: ".").last ?? "" }

  // MARK: The Envoy

  private var delays: [Int64] {
    mutating get { (0..<Self.workers).map { _ in Int64.random(in: 0...3, using: &generator) } }
  }

  private mutating func applyRuntime() {
    guard let mode else { return }
    var newest = SimulatedTracers.Values()
    newest.minimumSpans = mode.minimumSpans
    newest.interval = Int64(mode.interval / .milliseconds(1))
    if flaw == .smallBuffers, newest.minimumSpans == ReportingMode.bufferSize {
      newest.minimumSpans = values.minimumSpans
    }
    if flaw == .longTimers, mode.interval == ReportingMode.shortInterval { newest.interval = values.interval }
    values = newest
    note("mode \(values.minimumSpans) \(values.interval)\(mode.hasSmallBuffers ? " small buffers" : "")")
    if flaw == .lateRuntime { lateValues = values } else { tracers.apply(values, delays: delays) }
  }

  /// The tracers that the listeners which it holds have.
  private var newTracers: Set<String> {
    Set(
      (envoy.held[SimulatedType.listeners]?.contents ?? [:]).values.compactMap { bytes in
        let listener = try? Envoy_Config_Listener_V3_Listener(serializedBytes: bytes)
        return (listener?.statPrefix.split(separator: ";").first).flatMap { $0.contains(" ") ? String($0) : nil }
      })
  }

  private mutating func applyListeners(_ names: Set<String>) {
    note("tracers \(names.sorted())")
    tracers.setListeners(names, delays: delays)
    if let lateValues { tracers.apply(lateValues, delays: delays) }
    lateValues = nil
  }

  /// Of refused listeners an Envoy may apply some, and has removed others.
  private mutating func applyPart() {
    let refused = Set([configuration.tracer].compactMap { $0 })
    switch Int.random(in: 0..<3, using: &generator) {
    case 0: break
    case 1: applyListeners(tracers.current.union(refused))
    default: applyListeners([])
    }
  }
}
