import HeapModule
import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS

/// All proxies of a control plane: a value, events in, actions out.
///
/// Each proxy is a ``ProxyLifecycle``. The registry holds what concerns several of them: the owners of streams, one timer for
/// all, insights that are written together after a short delay, and requests to the store as a whole.
struct ProxyRegistry: Sendable {
  enum Event: Sendable {
    /// The control plane has started.
    case started
    /// A proxy opens a stream.
    case opened(ProxyOpening)
    /// An admitted stream has ended.
    case closed(stream: String)
    /// A request for a proxy has an answer.
    case answered(ProxyID, ProxyLifecycle.Lane, ProxyLifecycle.Answer)
    /// The timer has fired.
    case timeReached
    /// Streams have rejected a configuration, or no longer reject one.
    case verdictsChanged(streams: Set<String>)
    /// Counts of streams have changed.
    case countsChanged
    /// The streams with changed counts.
    case countsTaken(streams: Set<String>)
    /// Which of the requested proxies have a Dataplane.
    case presentFound(Set<ProxyID>)
    /// The stored proxies, or why they cannot be read.
    case storedProxiesRead(Result<StoredProxies, StoreError>)
    /// Dataplanes were written, or insights deleted, by whomever.
    case stored(dataplanes: [ProxyID: Resource], lostInsights: Set<ProxyID>)
    /// The store has recovered.
    case storeReturned
    /// The control plane shuts down.
    case stopping
  }

  /// What to do, in this order.
  enum Action: Sendable {
    /// Perform a request for a proxy and report ``Event/answered(_:_:_:)``.
    case perform(ProxyLifecycle.Request, ProxyID, ProxyLifecycle.Lane)
    /// Admit a stream.
    case admit(stream: String)
    /// Refuse a stream.
    case refuse(stream: String, SessionRefusal)
    /// End an admitted stream, and report ``Event/closed(stream:)``.
    case end(stream: String, SessionRefusal)
    /// A stream has ended: stop computing its configuration.
    case disconnect(ProxyID, ProxyTraits)
    /// Report ``Event/timeReached`` at this time. Replaces the earlier timer.
    case setTimer(ContinuousClock.Instant)
    /// Report ``Event/countsTaken(streams:)``.
    case takeCounts
    /// Report ``Event/presentFound(_:)``.
    case findPresent(Set<ProxyID>)
    /// Report ``Event/storedProxiesRead(_:)``.
    case readStoredProxies
    /// Return unused memory to the system.
    case giveBackMemory
    case log(LogLine)
    /// All pending writes are finished.
    case stopped
  }

  /// The stored state of all proxies.
  struct StoredProxies: Sendable {
    /// The Dataplanes that proxies registered.
    var dataplanes: [Resource] = []
    /// The insights, if several control planes use the store.
    var insights: [Resource] = []
    /// The control planes named in the insights that are connected to the store.
    var present: Set<String> = []
  }

  /// A batch of insights.
  struct Flush: Sendable {
    /// The proxies for which the plan is asked whether they have a Dataplane.
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
  /// The next time of each proxy. An entry is valid only while its proxy waits for that time.
  private var turns = Heap<Turn>()
  private var timer: ContinuousClock.Instant?
  private var countTime: ContinuousClock.Instant?
  private var stockTime: ContinuousClock.Instant?
  /// Proxies whose insights have to be written soon.
  var dirty: Set<ProxyID> = []
  var flushTime: ContinuousClock.Instant?
  var flush: Flush?
  var isStopping = false
  /// Streams opened or closed since unused memory was returned.
  var moves = 0

  /// The number of proxies with state.
  var count: Int { lifecycles.count }

  mutating func handle(_ event: Event, _ context: LifecycleContext) -> [Action] {
    var context = context
    context.isStopping = isStopping
    var actions: [Action] = []
    switch event {
    case .started: actions.append(.readStoredProxies)
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
    case .storedProxiesRead(let result): compare(result)
    case .stored(let dataplanes, let lostInsights):
      // Whether a proxy has a Dataplane may have been asked before it was written.
      let missed = dataplanes.keys.filter {
        lifecycles[$0]?.lacksDataplane == true || flush?.asked.contains($0) == true
      }
      for (proxy, dataplane) in dataplanes where lifecycles[proxy]?.isConnected == true {
        pass(.written(dataplane), proxy)
      }
      for proxy in Set(missed).union(lostInsights) where lifecycles[proxy]?.isConnected == true {
        touch(proxy, context)
      }
    case .storeReturned: for proxy in lifecycles.keys.sorted() { pass(.storeReturned, proxy) }
    case .stopping:
      isStopping = true
      context.isStopping = true
      for proxy in lifecycles.keys.sorted() { pass(.stopping, proxy) }
      if flush == nil { startFlush(&actions) }
    }
    setTimer(&actions)
    return actions

    /// Passes an event to a proxy and performs its actions.
    func pass(_ event: ProxyLifecycle.Event, _ proxy: ProxyID) {
      for action in lifecycles[proxy, default: ProxyLifecycle(proxy)].handle(event, context) {
        switch action {
        case .perform(let request, let lane): actions.append(.perform(request, proxy, lane))
        case .admit(let stream):
          moves += 1
          actions.append(.admit(stream: stream))
        case .refuse(let stream, let refusal): refuse(stream, refusal, &actions)
        case .end(let stream, let refusal): actions.append(.end(stream: stream, refusal))
        case .disconnect(let traits): actions.append(.disconnect(proxy, traits))
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

    /// Starts as many writes of insights as allowed. Ends the batch when all are finished.
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
        actions.append(.readStoredProxies)
      }
      if let time = flushTime, time <= context.now, flush == nil { startFlush(&actions) }
    }

    func compare(_ result: Result<StoredProxies, StoreError>) {
      // Repeated slowly, since no event reports that a control plane is gone.
      let isDone = if case .success = result { !context.settings.isShared } else { false }
      stockTime = isDone ? nil : context.now + context.settings.startupGrace
      switch result {
      case .failure(let error): actions.append(.log(.cannotReadStoredProxies(error)))
      case .success(let storedProxies):
        var found: [ProxyID: (dataplane: Resource?, insight: DataplaneInsight?)] = [:]
        for resource in storedProxies.insights {
          found[ProxyID(mesh: resource.mesh, name: resource.name)] = (nil, resource.content(DataplaneInsight.self))
        }
        for resource in storedProxies.dataplanes {
          found[ProxyID(mesh: resource.mesh, name: resource.name), default: (nil, nil)].dataplane = resource
        }
        for (proxy, found) in found.sorted(by: { $0.key < $1.key }) {
          pass(.found(dataplane: found.dataplane, insight: found.insight, present: storedProxies.present), proxy)
        }
      }
    }
  }

  private mutating func refuse(_ stream: String, _ refusal: SessionRefusal, _ actions: inout [Action]) {
    streams[stream] = nil
    actions.append(.refuse(stream: stream, refusal))
  }

  /// Stores a proxy and schedules its next time, or drops it when it holds nothing.
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
      actions.append(.log(LogLine(.warning, "insights of proxies cannot be stored", metadata)))
      // A shared store reports its recovery; then the write is retried.
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

  // MARK: Reads

  /// The state of a proxy, if any.
  subscript(proxy: ProxyID) -> ProxyLifecycle? { lifecycles[proxy] }

  /// The proxies with state, of one mesh or of all.
  func proxies(ofMesh mesh: String?) -> [ProxyID] {
    lifecycles.keys.filter { mesh == nil || $0.mesh == mesh }
  }
}
