import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport
import MeshXDS
import Synchronization
import TestSupport

@testable import MeshControl

/// Control planes over one store, and proxies that come and go, with a clock of its own. What happens when is decided by a seed.
///
/// The rules that must always hold are checked where something is done to the store; ``faults`` says which were broken.
struct LifecycleSimulation {
  /// What is simulated.
  struct Plan: CustomStringConvertible {
    var planes = 1
    var isShared = false
    var hasFailures = false
    /// Whether proxies have tokens, each for one of two services: see ``LifecycleSimulation/service(ofPort:)``.
    var hasTokens = false
    var description: String {
      "\(planes) \(isShared ? "shared" : "own")\(hasFailures ? " failing" : "")\(hasTokens ? " with tokens" : "")"
    }
  }

  /// A process that has a stream, or wants one.
  struct Client {
    var stream: String
    var plane: Int
    var proxy: ProxyID
    var port: UInt32?
    var isAdmitted = false
  }

  struct Pending {
    /// What was asked for; `nil` for the news that a Dataplane was written.
    var action: ProxyRegistry.Action?
    /// The proxy that the news is about.
    var news: ProxyID?
    /// The answer, where the store was asked at once and only its answer is late.
    var answer: ProxyLifecycle.Answer?
  }

  struct Plane {
    var instance: String
    var settings: LifecycleSettings
    var registry = ProxyRegistry()
    var pending: [Pending] = []
    var timer: ContinuousClock.Instant?
    var counts: [String: DataplaneInsight.Status] = [:]
    var changed: Set<String> = []
    var adopted: Set<ProxyID> = []
    var connected: [ProxyID: Int] = [:]
    var isStopped = false
  }

  let plan: Plan
  var generator: SeededGenerator
  var store: FailingStore
  var planes: [Plane] = []
  var clients: [Client] = []
  private(set) var faults: [String] = []
  private(set) var trace: [String] = []
  /// How often each stream was answered.
  var answers: [String: Int] = [:]
  /// Streams that a control plane ended because their proxies may not speak for a Dataplane any more.
  var ended: Set<String> = []
  /// How many proxies were refused because they may not replace a Dataplane.
  var refused = 0
  /// How many writes and deletions were made.
  var writes = 0
  private(set) var now = ContinuousClock.now
  private var streams = 0
  private var runs = 0
  /// What proxies say of themselves is parsed once.
  var parsed: [String: ProxyOpening] = [:]
  /// When the last stream of a proxy was gone.
  var lastSeen: [ProxyID: ContinuousClock.Instant] = [:]
  /// How many writes of a Dataplane something has happened for.
  var causes: [ProxyID: Int] = [:]
  /// The service of the proxy that was closed last.
  var lastLeaver: [ProxyID: String] = [:]
  /// Proxies whose Dataplanes were removed, as this control plane has been told.
  var removed: Set<ProxyID> = []
  private(set) var writtenByUsers: Set<ProxyID> = []
  let wall: WallClock

  static let delay = Duration.seconds(10)

  init(_ plan: Plan, seed: UInt64) throws {
    self.plan = plan
    generator = SeededGenerator(seed: seed)
    let wall = WallClock()
    self.wall = wall
    store = FailingStore(store: MemoryStore(clock: { wall.time }))
    _ = try store.store.put(Resource(name: "default", spec: Mesh().spec), if: .absent)
    store.isCopied = plan.isShared
    if plan.hasFailures { (store.failures, store.lostAnswers) = (10, plan.isShared ? 20 : 0) }
    for index in 0..<plan.planes { start(index) }
  }

  /// The end of the story, for messages of tests.
  var story: String { faults.prefix(3).joined(separator: "; ") + "\n" + trace.suffix(40).joined(separator: "\n") }

  mutating func fail(_ fault: String) {
    note("FAULT \(fault)")
    faults.append(fault)
  }

  mutating func note(_ line: String) {
    if faults.isEmpty { trace.append("\(now.formatted(since: wall.start)) \(line)") }
  }

  // MARK: What may happen

  mutating func step() {
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<14: open()
    case 14..<25: if let client = clients.filter(\.isAdmitted).randomElement(using: &generator) { close(client.stream) }
    case 25..<75: deliver()
    case 75..<83: count()
    case 83..<94: advance(by: .milliseconds([10, 300, 1_000, 6_000, 30_000].randomElement(using: &generator) ?? 0))
    case 94..<96: writeAsUser()
    case 96..<98: restart()
    default: if plan.hasFailures { isAway.toggle() }
    }
  }

  var isAway: Bool {
    get { store.isAway }
    set {
      guard newValue != store.isAway else { return }
      store.isAway = newValue
      note(newValue ? "the store is away" : "the store is back")
      guard !newValue, plan.isShared else { return }
      for index in planes.indices {
        for client in clients { causes[client.proxy, default: 0] += 1 }
        handle(.storeReturned, index)
      }
    }
  }

  mutating func open(_ name: String? = nil, port: UInt32? = nil, plane: Int? = nil) {
    streams += 1
    let index = plane ?? planes.indices.randomElement(using: &generator) ?? 0
    let name = name ?? ["a", "b", "c", "plain"].randomElement(using: &generator) ?? "a"
    let port = name == "plain" ? nil : port ?? UInt32.random(in: 1...3, using: &generator)
    let client = Client(stream: "s\(streams)", plane: index, proxy: ProxyID(mesh: "default", name: name), port: port)
    clients.append(client)
    causes[client.proxy, default: 0] += 1
    note("\(client.stream) opens, \(name) with \(port ?? 0) at \(planes[index].instance)")
    do {
      handle(.opened(try opening(client)), index)
    } catch {
      fail("\(client.stream) is not taken: \(error)")
    }
  }

  mutating func close(_ stream: String) {
    guard let index = clients.firstIndex(where: { $0.stream == stream }) else { return }
    let client = clients.remove(at: index)
    note("\(stream) closes")
    leave(client)
    causes[client.proxy, default: 0] += 1
    handle(.closed(stream: stream), client.plane)
    planes[client.plane].counts[stream] = nil
    planes[client.plane].changed.remove(stream)
  }

  private mutating func leave(_ client: Client) {
    if !clients.contains(where: { $0.proxy == client.proxy && $0.isAdmitted }) { lastSeen[client.proxy] = now }
    lastLeaver[client.proxy] = Self.service(ofPort: client.port)
  }

  /// A control plane is killed, or stops, and another run takes its place.
  private mutating func restart() {
    guard let index = planes.indices.randomElement(using: &generator) else { return }
    if Bool.random(using: &generator) { stop(index) }
    note("\(planes[index].instance) ends")
    let gone = clients.filter { $0.plane == index }
    clients.removeAll { $0.plane == index }
    for client in gone {
      leave(client)
      causes[client.proxy, default: 0] += 1
      answers[client.stream] = nil
    }
    start(index)
  }

  mutating func stop(_ index: Int) {
    note("\(planes[index].instance) stops")
    handle(.stopping, index)
    for _ in 0..<1_000 where !planes[index].isStopped { deliver(index) }
    if !planes[index].isStopped { fail("\(planes[index].instance) does not stop") }
  }

  private mutating func start(_ index: Int) {
    runs += 1
    removed = []
    lastLeaver = [:]
    let settings = LifecycleSettings(
      instance: "cp\(index)-\(runs)", startTime: wall.time, isShared: plan.isShared, removalDelay: Self.delay,
      startupGrace: Self.delay * 2, writesAtOnce: 2)
    let plane = Plane(instance: settings.instance, settings: settings)
    if index < planes.count { planes[index] = plane } else { planes.append(plane) }
    handle(.started, index)
  }

  private mutating func writeAsUser() {
    let proxy = ProxyID(mesh: "default", name: "a")
    guard !store.isAway, plan.hasTokens || stored(.dataplane, proxy) == nil else { return }
    note("a user writes a")
    writtenByUsers.insert(proxy)
    _ = try? store.store.put(Resource.dataplane("a", port: 9), if: .always)
    announce(proxy)
  }

  private mutating func count() {
    guard let client = clients.filter(\.isAdmitted).randomElement(using: &generator) else { return }
    var status = planes[client.plane].counts[client.stream] ?? DataplaneInsight.Status()
    status.counts[.cds, default: DataplaneInsight.Counts()].responsesSent += 1
    let isRefused = Int.random(in: 0..<4, using: &generator) == 0
    if isRefused { status.lastRejection = .init(discovery: .cds, time: wall.time, message: "no") }
    planes[client.plane].counts[client.stream] = status
    let isFirst = planes[client.plane].changed.isEmpty
    planes[client.plane].changed.insert(client.stream)
    if isRefused { handle(.verdictsChanged(streams: [client.stream]), client.plane) }
    if isFirst, plan.isShared { handle(.countsChanged, client.plane) }
  }

  /// Lets time pass. Control planes know of each other's proxies by what is written of them, so where several are to agree
  /// everything is written before a proxy's delay is over.
  mutating func advance(by duration: Duration) {
    if plan.planes > 1, !plan.hasFailures { run(for: duration) } else { pass(duration) }
  }

  /// Lets time pass, and everything that is under way end at once.
  mutating func run(for duration: Duration) {
    let end = now + duration
    while deliver() {}
    while let time = planes.compactMap(\.timer).min(), time <= end {
      pass(max(time - now, .zero))
      while deliver() {}
    }
    pass(end - now)
    while deliver() {}
  }

  private mutating func pass(_ duration: Duration) {
    now += duration
    wall.advance(by: duration)
    for index in planes.indices {
      guard let timer = planes[index].timer, timer <= now else { continue }
      planes[index].timer = nil
      handle(.timeReached, index)
    }
  }

  /// Delivers one answer.
  @discardableResult
  mutating func deliver(_ plane: Int? = nil) -> Bool {
    let index = plane ?? planes.indices.filter { !planes[$0].pending.isEmpty }.randomElement(using: &generator) ?? 0
    guard let number = planes[index].pending.indices.randomElement(using: &generator) else { return false }
    let pending = planes[index].pending.remove(at: number)
    if let proxy = pending.news, let dataplane = stored(.dataplane, proxy) {
      handle(.stored(dataplanes: [proxy: dataplane], lostInsights: []), index)
    }
    switch pending.action {
    case .perform(let request, let proxy, let lane):
      let answer = pending.answer ?? self.answer(request, proxy, index)
      note("\(planes[index].instance) \(proxy.name): \(request.words) → \(answer.words)")
      if case .delete = request, case .done = answer { removed.insert(proxy) }
      handle(.answered(proxy, lane, answer), index)
    case .findPresent(let proxies):
      let present = proxies.filter { proxy in
        planes[index].adopted.contains(proxy) || stored(.dataplane, proxy) != nil
      }
      handle(.presentFound(present), index)
    case .readStoredProxies: handle(.storedProxiesRead(storedProxies()), index)
    case .end(let stream, _): close(stream)
    default: break
    }
    return true
  }
}

/// The time of day of a simulation.
final class WallClock: Sendable {
  let start = ContinuousClock.now
  private let state = Mutex(Timestamp(seconds: 1_700_000_000))

  var time: Timestamp { state.withLock { $0 } }

  func advance(by duration: Duration) {
    state.withLock { time in
      let (seconds, attoseconds) = duration.components
      let nanoseconds = Int64(time.nanoseconds) + attoseconds / 1_000_000_000
      time = Timestamp(
        seconds: time.seconds + seconds + nanoseconds / 1_000_000_000,
        nanoseconds: Int32(nanoseconds % 1_000_000_000))
    }
  }
}

extension ContinuousClock.Instant {
  fileprivate func formatted(since start: ContinuousClock.Instant) -> String {
    let milliseconds = (self - start) / .milliseconds(1)
    return "\(Int(milliseconds)) ms"
  }
}

extension ProxyLifecycle.Request {
  fileprivate var words: String {
    switch self {
    case .get(let type): "get \(type)"
    case .put(let resource, let condition): "put \(resource.type) if \(condition)"
    default: "\(self)".prefix(60).description
    }
  }
}

extension ProxyLifecycle.Answer {
  fileprivate var words: String {
    switch self {
    case .resource(let resource): resource.map { "revision \($0.revision)" } ?? "none"
    default: "\(self)".prefix(60).description
    }
  }
}
