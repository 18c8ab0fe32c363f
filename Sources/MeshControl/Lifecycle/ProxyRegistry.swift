import HeapModule
import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS

/// All proxies of a control plane: a value, events in, actions out.
///
/// Each proxy is a ``ProxyLifecycle``. Here is what concerns several of them: which stream belongs to which, one timer for all,
/// insights that are written together a moment after something has happened, and what is asked of the store as a whole.
struct ProxyRegistry: Sendable {
  /// What happened.
  enum Event: Sendable {
    /// The control plane runs.
    case started
    /// A proxy wants to open a stream.
    case opened(ProxyOpening)
    /// A stream that was admitted has ended.
    case closed(stream: String)
    /// A request for a proxy was answered.
    case answered(ProxyID, ProxyLifecycle.Lane, ProxyLifecycle.Answer)
    /// The time of the timer has come.
    case timeReached
    /// Streams refused something, or no longer do.
    case verdictsChanged(streams: Set<String>)
    /// Streams were sent something, or have accepted it.
    case countsChanged
    /// The streams whose counts have changed.
    case countsTaken(streams: Set<String>)
    /// Which of the proxies that were asked for have a Dataplane.
    case presentFound(Set<ProxyID>)
    /// What the store has of all proxies, or why it cannot be asked.
    case stockTaken(Result<Stock, StoreError>)
    /// A store that was away is back.
    case storeReturned
    /// The control plane stops.
    case stopping
  }

  /// What is to be done, in order.
  enum Action: Sendable {
    /// Do something for a proxy and report ``Event/answered(_:_:_:)``.
    case perform(ProxyLifecycle.Request, ProxyID, ProxyLifecycle.Lane)
    /// Let a stream begin.
    case admit(stream: String)
    /// Refuse a stream.
    case refuse(stream: String, SessionRefusal)
    /// A stream has ended: compute nothing for it any more.
    case disconnect(ProxyID)
    /// Report ``Event/timeReached`` then, and not at the time that was named before.
    case setTimer(ContinuousClock.Instant)
    /// Report ``Event/countsTaken(streams:)``.
    case takeCounts
    /// Report ``Event/presentFound(_:)``.
    case findPresent(Set<ProxyID>)
    /// Report ``Event/stockTaken(_:)``.
    case takeStock
    /// Give memory that nothing uses back to the system.
    case giveBackMemory
    /// Write a line of the log.
    case log(LogLine)
    /// Everything that could be written is written.
    case stopped
  }

  /// What the store has of all proxies.
  struct Stock: Sendable {
    /// The Dataplanes that proxies have brought along.
    var dataplanes: [Resource] = []
    /// The insights, where other control planes use the store too.
    var insights: [Resource] = []
    /// Which of the control planes that the insights name are connected to the store.
    var present: Set<String> = []
  }

  /// Insights that are written together.
  struct Flush: Sendable {
    /// The proxies of which it is asked whether they have a Dataplane.
    var asked: Set<ProxyID>
    var queue: [ProxyID] = []
    var running = 0
    var failures: [ProxyID: StoreError] = [:]
  }

  private struct Turn: Comparable {
    var time: ContinuousClock.Instant
    var proxy: ProxyID

    static func < (a: Turn, b: Turn) -> Bool { (a.time, a.proxy) < (b.time, b.proxy) }
  }

  private var lifecycles: [ProxyID: ProxyLifecycle] = [:]
  private var streams: [String: ProxyID] = [:]
  /// When proxies have something to do. A turn counts only while its proxy waits for that time.
  private var turns = Heap<Turn>()
  private var timer: ContinuousClock.Instant?
  private var countTime: ContinuousClock.Instant?
  private var stockTime: ContinuousClock.Instant?
  /// Proxies that came, went or refused something: what is known of them is to be written soon.
  var dirty: Set<ProxyID> = []
  var flushTime: ContinuousClock.Instant?
  var flush: Flush?
  var isStopping = false
  /// Streams that opened or closed since memory was given back.
  var moves = 0

  /// How many proxies something is known of.
  var count: Int { lifecycles.count }

  /// Takes an event.
  mutating func handle(_ event: Event, _ context: LifecycleContext) -> [Action] {
    var context = context
    context.isStopping = isStopping
    var actions: [Action] = []
    switch event {
    case .started: actions.append(.takeStock)
    case .opened(let opening):
      streams[opening.stream] = opening.proxy
      if isStopping { refuse(opening.stream, .stopping, &actions) } else { pass(.opened(opening), opening.proxy) }
    case .closed(let stream):
      guard let proxy = streams.removeValue(forKey: stream) else { return [] }
      moves += 1
      pass(.closed(stream: stream), proxy)
    case .answered(let proxy, let lane, let answer): pass(.answered(lane, answer), proxy)
    case .timeReached: reachTime()
    case .verdictsChanged(let changed), .countsTaken(let changed):
      for stream in changed { if let proxy = streams[stream] { touch(proxy, context) } }
    case .countsChanged: countTime = countTime ?? context.now + context.settings.countPause
    case .presentFound(let present):
      for proxy in (flush?.asked.subtracting(present) ?? []).sorted() where lifecycles[proxy] != nil {
        pass(.hasNoDataplane, proxy)
      }
      flush?.asked = []
      flush?.queue = present.sorted()
      writeNext()
    case .stockTaken(let result): compare(result)
    case .storeReturned: for proxy in lifecycles.keys.sorted() { pass(.storeReturned, proxy) }
    case .stopping:
      isStopping = true
      context.isStopping = true
      for proxy in lifecycles.keys.sorted() { pass(.stopping, proxy) }
      if flush == nil { startFlush(&actions) }
    }
    setTimer(&actions)
    return actions

    /// Hands an event to a proxy and does what it says.
    func pass(_ event: ProxyLifecycle.Event, _ proxy: ProxyID) {
      for action in lifecycles[proxy, default: ProxyLifecycle(proxy)].handle(event, context) {
        switch action {
        case .perform(let request, let lane): actions.append(.perform(request, proxy, lane))
        case .admit(let stream):
          moves += 1
          actions.append(.admit(stream: stream))
        case .refuse(let stream, let refusal): refuse(stream, refusal, &actions)
        case .disconnect: actions.append(.disconnect(proxy))
        case .touch: touch(proxy, context)
        case .finishedInsight(let error):
          flush?.running -= 1
          flush?.failures[proxy] = error
          writeNext()
        case .log(let line): actions.append(.log(line))
        }
      }
      keep(proxy)
    }

    /// Has as many insights written as may be at a time, and ends when all are.
    func writeNext() {
      while var current = flush, current.running < context.settings.writesAtOnce, let proxy = current.queue.popLast() {
        current.running += 1
        flush = current
        pass(.writeInsight, proxy)
      }
      if let current = flush, current.running == 0, current.queue.isEmpty { endFlush(current, context, &actions) }
    }

    func reachTime() {
      timer = nil
      while let turn = turns.min, turn.time <= context.now {
        turns.removeMin()
        guard lifecycles[turn.proxy]?.queuedTime == turn.time else { continue }
        lifecycles[turn.proxy]?.queuedTime = nil
        pass(.timeReached, turn.proxy)
      }
      if let time = countTime, time <= context.now {
        countTime = nil
        actions.append(.takeCounts)
      }
      if let time = stockTime, time <= context.now {
        stockTime = nil
        actions.append(.takeStock)
      }
      if let time = flushTime, time <= context.now, flush == nil { startFlush(&actions) }
    }

    func compare(_ result: Result<Stock, StoreError>) {
      // Rarely, as nothing tells that a control plane has gone.
      let isDone = if case .success = result { !context.settings.isShared } else { false }
      stockTime = isDone ? nil : context.now + context.settings.startupGrace
      switch result {
      case .failure(let error): actions.append(.log(.cannotTakeStock(error)))
      case .success(let stock):
        var found: [ProxyID: (dataplane: Resource?, insight: DataplaneInsight?)] = [:]
        for resource in stock.insights {
          found[ProxyID(mesh: resource.mesh, name: resource.name)] = (nil, resource.content(DataplaneInsight.self))
        }
        for resource in stock.dataplanes {
          found[ProxyID(mesh: resource.mesh, name: resource.name), default: (nil, nil)].dataplane = resource
        }
        for (proxy, found) in found.sorted(by: { $0.key < $1.key }) {
          pass(.found(dataplane: found.dataplane, insight: found.insight, present: stock.present), proxy)
        }
      }
    }
  }

  private mutating func refuse(_ stream: String, _ refusal: SessionRefusal, _ actions: inout [Action]) {
    streams[stream] = nil
    actions.append(.refuse(stream: stream, refusal))
  }

  /// Keeps a proxy as long as something is known of it, and its time.
  private mutating func keep(_ proxy: ProxyID) {
    guard let lifecycle = lifecycles[proxy] else { return }
    if lifecycle.isOver {
      lifecycles[proxy] = nil
    } else if lifecycle.nextTime != lifecycle.queuedTime {
      lifecycles[proxy]?.queuedTime = lifecycle.nextTime
      if let time = lifecycle.nextTime { turns.insert(Turn(time: time, proxy: proxy)) }
    }
  }

  private mutating func setTimer(_ actions: inout [Action]) {
    let next = [turns.min?.time, countTime, stockTime, flush == nil ? flushTime : nil].compactMap { $0 }.min()
    guard !isStopping, let next, timer.map({ next < $0 }) ?? true else { return }
    timer = next
    actions.append(.setTimer(next))
  }

  // MARK: Insights

  private mutating func touch(_ proxy: ProxyID, _ context: LifecycleContext) {
    dirty.insert(proxy)
    flushTime = flushTime ?? context.now + context.settings.writePause
  }

  private mutating func startFlush(_ actions: inout [Action]) {
    flushTime = nil
    flush = Flush(asked: dirty)
    dirty = []
    actions.append(.findPresent(flush?.asked ?? []))
  }

  private mutating func endFlush(_ ended: Flush, _ context: LifecycleContext, _ actions: inout [Action]) {
    flush = nil
    if let (proxy, error) = ended.failures.min(by: { $0.key < $1.key }) {
      let metadata = ["proxies": "\(ended.failures.count)", "proxy": "\(proxy)", "error": "\(error)"]
      actions.append(.log(LogLine(.warning, "what is known of proxies cannot be stored", metadata)))
      // A store that tells when it is back is asked then.
      if !context.settings.isShared {
        dirty.formUnion(ended.failures.keys)
        flushTime = context.now + context.settings.retryPause
      }
    }
    if moves >= context.settings.movesPerCleaning {
      moves = 0
      actions.append(.giveBackMemory)
    }
    guard isStopping else { return }
    let hasFailed = !ended.failures.isEmpty
    if dirty.isEmpty || hasFailed { actions.append(.stopped) } else { startFlush(&actions) }
  }

  // MARK: In memory

  /// A proxy of which something is known.
  subscript(proxy: ProxyID) -> ProxyLifecycle? { lifecycles[proxy] }

  /// The proxies of which something is known, of one mesh or of all.
  func proxies(ofMesh mesh: String?) -> [ProxyID] {
    lifecycles.keys.filter { mesh == nil || $0.mesh == mesh }
  }
}
