import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS

/// The lifecycle of a proxy, from its first stream to the removal of its Dataplane: a value, events in, actions out.
///
/// A proxy has two lanes. Each lane has one request under way at a time. The Dataplane lane opens streams one after the other,
/// and cleans up after closed ones, so no Dataplane is removed during a registration. The other lane writes the DataplaneInsight
/// when ``ProxyRegistry`` schedules it.
struct ProxyLifecycle: Sendable {
  enum Event: Sendable {
    /// A proxy with this name opens a stream.
    case opened(ProxyOpening)
    /// An admitted stream has ended.
    case closed(stream: String)
    /// A request has an answer.
    case answered(Lane, Answer)
    /// ``nextTime`` is reached.
    case timeReached
    /// The stored resources of the proxy, and which of the control planes named in them are connected to the store.
    case found(dataplane: Resource?, insight: DataplaneInsight?, present: Set<String>)
    /// Somebody has written the Dataplane.
    case written(Resource)
    /// The store has recovered.
    case storeReturned
    /// The registry schedules the insight of this proxy.
    case writeInsight
    /// The proxy has no Dataplane, so it gets no insight.
    case hasNoDataplane
    /// The control plane shuts down.
    case stopping
  }

  /// What to do, in this order.
  enum Action: Sendable {
    /// Perform a request and report ``Event/answered(_:_:)``.
    case perform(Request, Lane)
    /// Admit a stream.
    case admit(stream: String)
    /// Refuse a stream.
    case refuse(stream: String, SessionRefusal)
    /// End an admitted stream. Its end is reported as that of any other.
    case end(stream: String, SessionRefusal)
    /// A stream has ended: stop computing its configuration.
    case disconnect(ProxyTraits)
    /// Schedule a write of the insight.
    case touch
    /// The insight was written, or the write failed.
    case finishedInsight(StoreError?)
    case log(LogLine)
  }

  /// The two independent sequences of requests of a proxy.
  enum Lane: Sendable { case dataplane, insight }

  /// A request that a lane waits for.
  enum Request: Sendable {
    /// Read a resource of the proxy.
    case get(ResourceType)
    /// Write a resource.
    case put(Resource, WriteCondition)
    /// Delete the Dataplane.
    case delete(WriteCondition)
    /// Find out which of these control planes are connected to the store.
    case find(instances: Set<String>)
    /// Treat a Dataplane as stored.
    case adopt(Resource)
    /// Undo ``adopt(_:)``.
    case release
    /// Compute the proxy's configuration from now on.
    case connect(ProxyTraits)
  }

  /// The answer to a request.
  enum Answer: Sendable {
    case resource(Resource?)
    case instances(Set<String>)
    case adopted(Bool)
    case done
    case failed(StoreError)
  }

  struct Session: Sendable {
    var subscription: DataplaneInsight.Subscription
    /// The Dataplane that the proxy brought.
    var registration: Resource?
    var traits: ProxyTraits
    /// What the proxy may speak for.
    var authority = ProxyAuthority.unlimited
  }

  /// The current operation of the Dataplane lane.
  enum Work: Sendable {
    /// Opens a stream.
    indirect case opening(ProxyOpening, OpeningStep)
    /// Reads the revision that the removal of the Dataplane will require.
    case scheduling(ContinuousClock.Instant)
    /// Removes the Dataplane.
    case removing(RemovalStep)
    /// Writes the Dataplane of a remaining stream over that of a closed one.
    indirect case handingOver(Handover, isWriting: Bool)
    /// Writes the Dataplane of a stream over one that another control plane wrote.
    case takingOver
    /// Registers the Dataplane again.
    case restoring(Restoration, isWriting: Bool)
  }

  enum OpeningStep: Sendable { case reading, writing(isKnown: Bool), adopting(StoreError), connecting, confirming }
  enum RemovalStep: Sendable { case releasing, readingDataplane, readingInsight, finding, deleting }

  /// The scheduled removal of a Dataplane.
  struct Removal: Sendable {
    var time: ContinuousClock.Instant
    /// The revision at the time of the decision. Every new registration of the proxy, on any control plane, changes it.
    var revision: UInt64?
  }

  /// The Dataplanes of closed streams that the Dataplane of the newest stream is to replace.
  struct Handover: Sendable {
    var lost: [Resource]
    var time: ContinuousClock.Instant
  }

  /// When to register the Dataplane again.
  enum Restoration: Sendable { case ifMissing, anyway }

  let proxy: ProxyID
  /// The open streams, oldest first.
  private(set) var sessions: [Session] = []
  /// Streams that wait to be opened.
  private var openings: [ProxyOpening] = []
  var work: Work?
  /// When to remove the Dataplane of a disconnected proxy, until its revision is known.
  var leave: ContinuousClock.Instant?
  /// What the proxy may speak for that disconnected last.
  var leaver = ProxyAuthority.unlimited
  /// Whether a Dataplane was written, while a stream opened, for which its proxy may not speak.
  var isDoubtful = false
  var removal: Removal?
  var handover: Handover?
  var restoration: Restoration?
  /// The Dataplane that is to replace the one of another control plane.
  var takeover: (successor: Resource, revision: UInt64)?
  /// Whether a write of the Dataplane failed.
  var needsRegistration = false
  /// Whether the store recovered while a stream was opening.
  var hasReturned = false
  /// Whether a write of the insight failed and is to be retried when the store recovers.
  var needsInsight = false
  /// Whether the proxy had no Dataplane when its insight was to be written.
  var lacksDataplane = false
  /// Ended subscriptions that are not written yet.
  var ended: [DataplaneInsight.Subscription] = []
  /// Control planes that are gone and whose subscriptions have to be ended.
  var departed: Set<String> = []
  /// The current operation of the insight lane: the subscriptions being written, once known.
  var insight: InsightStep?
  enum InsightStep: Sendable { case reading, writing(Set<String>) }
  /// The proxy's time in the registry's queue.
  var queuedTime: ContinuousClock.Instant?

  init(_ proxy: ProxyID) { self.proxy = proxy }

  /// The newest stream, whose Dataplane is used.
  var newest: Session? { sessions.last }

  /// Whether the proxy has a stream, or one is opening.
  var isConnected: Bool {
    if case .opening = work { return true }
    return !sessions.isEmpty || !openings.isEmpty
  }

  /// Whether another stream waits for the Dataplane lane.
  var hasWaitingStream: Bool { !openings.isEmpty }

  /// Whether a removal of the Dataplane is being scheduled.
  var isLeaving: Bool { if case .scheduling = work { true } else { leave != nil } }

  /// Whether the value holds nothing and can be dropped.
  var isOver: Bool {
    !isConnected && work == nil && insight == nil && leave == nil && removal == nil && ended.isEmpty && departed.isEmpty
      && !needsInsight
  }

  /// When to report ``Event/timeReached``.
  var nextTime: ContinuousClock.Instant? {
    guard work == nil else { return nil }
    return sessions.isEmpty ? removal?.time : handover?.time
  }

  mutating func handle(_ event: Event, _ context: LifecycleContext) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .opened(let opening): take(opening, context, &actions)
    case .closed(let stream): close(stream, context, &actions)
    case .answered(.dataplane, let answer): advance(answer, context, &actions)
    case .answered(.insight, let answer): advanceInsight(answer, context, &actions)
    case .timeReached: break
    case .found(let dataplane, let insight, let present): compare(dataplane, insight, present, context, &actions)
    case .written(let dataplane): endStrangers(to: dataplane, &actions)
    case .storeReturned: retryWrites(&actions)
    case .writeInsight:
      lacksDataplane = false
      startInsight(&actions)
    case .hasNoDataplane:
      (ended, departed, needsInsight, lacksDataplane) = ([], [], false, true)
    case .stopping: stop(context, &actions)
    }
    startNext(context, &actions)
    return actions
  }

  /// Starts the next operation of the idle Dataplane lane.
  private mutating func startNext(_ context: LifecycleContext, _ actions: inout [Action]) {
    guard work == nil else { return }
    if !openings.isEmpty {
      begin(.opening(openings.removeFirst(), .reading), .get(.dataplane), &actions)
    } else if context.isStopping {
      return
    } else if sessions.isEmpty {
      if let time = leave {
        leave = nil
        begin(.scheduling(time), .get(.dataplane), &actions)
      } else if let removal, removal.time <= context.now {
        begin(.removing(.releasing), .release, &actions)
      }
    } else if let next = handover, next.time <= context.now {
      handover = nil
      guard hasSuccessor(for: next) else { return startNext(context, &actions) }
      begin(.handingOver(next, isWriting: false), .get(.dataplane), &actions)
    } else if let (successor, revision) = takeover {
      takeover = nil
      begin(.takingOver, .put(successor, .revision(revision)), &actions)
    } else if let next = restoration {
      restoration = nil
      guard newest?.registration != nil else { return startNext(context, &actions) }
      begin(.restoring(next, isWriting: false), .get(.dataplane), &actions)
    }
  }

  /// Continues the operation of the Dataplane lane with an answer.
  private mutating func advance(_ answer: Answer, _ context: LifecycleContext, _ actions: inout [Action]) {
    guard let current = work else { return }
    work = nil
    switch current {
    case .opening(let opening, let step): advance(opening, step, answer, context, &actions)
    case .scheduling(let time):
      guard sessions.isEmpty else { return }
      removal = Removal(time: time, revision: answer.resource?.revision)
    case .removing(let step): advanceRemoval(step, answer, context, &actions)
    case .handingOver(let handover, let isWriting):
      advanceHandover(handover, isWriting, answer, context, &actions)
    case .takingOver:
      if case .failed(let error) = answer, ![.conflict, .notFound].contains(error.code) {
        actions.append(.log(.cannotReadStoredProxies(error)))
      }
    case .restoring(let kind, let isWriting): advanceRestoration(kind, isWriting, answer, &actions)
    }
  }

  /// Sets the operation of the Dataplane lane and performs its next request.
  mutating func begin(_ work: Work, _ request: Request, _ actions: inout [Action]) {
    self.work = work
    actions.append(.perform(request, .dataplane))
  }

  // MARK: Streams

  private mutating func take(_ opening: ProxyOpening, _ context: LifecycleContext, _ actions: inout [Action]) {
    let limit = Self.streamsOfOneName
    let isOpening = if case .opening = work { true } else { false }
    guard sessions.count + openings.count + (isOpening ? 1 : 0) < limit else {
      let message = "\(limit) streams of proxies with this name are open; give each proxy a name of its own"
      actions.append(.refuse(stream: opening.stream, .temporary(message)))
      return
    }
    openings.append(opening)
  }

  mutating func insert(_ session: Session) {
    sessions.append(session)
    sessions.sort { $0.subscription.isBefore($1.subscription) }
  }

  private mutating func close(_ stream: String, _ context: LifecycleContext, _ actions: inout [Action]) {
    guard let index = sessions.firstIndex(where: { $0.subscription.id == stream }) else { return }
    let session = sessions.remove(at: index)
    end(session.subscription, context)
    if sessions.isEmpty {
      handover = nil
      takeover = nil
      restoration = nil
      needsRegistration = false
      if session.registration != nil {
        leave = context.now + context.settings.removalDelay
        leaver = session.authority
      }
    } else if let lost = session.registration {
      handover = Handover(lost: (handover?.lost ?? []) + [lost], time: context.now)
    }
    actions += [
      .disconnect(session.traits), .touch,
      .log(LogLine(.info, "proxy disconnected", ["proxy": "\(proxy)", "stream": stream])),
    ]
  }

  /// Shuts down. Proxies are not notified and keep running; only their insights are written.
  private mutating func stop(_ context: LifecycleContext, _ actions: inout [Action]) {
    for opening in openings { actions.append(.refuse(stream: opening.stream, .stopping)) }
    openings = []
    guard !sessions.isEmpty else { return }
    for session in sessions { end(session.subscription, context) }
    sessions = []
    actions.append(.touch)
  }

  private mutating func end(_ subscription: DataplaneInsight.Subscription, _ context: LifecycleContext) {
    var subscription = subscription
    subscription.status = context.status(subscription.id)
    subscription.disconnectTime = context.time
    ended.append(subscription)
    // The store may have as many as open as one name may have streams; it has to learn of their ends too.
    let limit = Self.streamsOfOneName + DataplaneInsight.subscriptionLimit
    ended.removeFirst(max(0, ended.count - limit))
  }
}

extension ProxyLifecycle.Answer {
  var resource: Resource? { if case .resource(let resource) = self { resource } else { nil } }
}

extension SessionRefusal {
  /// The control plane shuts down.
  static let stopping = SessionRefusal.temporary("the control plane is shutting down; connect again")
}

extension DataplaneInsight.Subscription {
  /// Whether this stream began earlier than another.
  func isBefore(_ other: Self) -> Bool { (connectTime, id) < (other.connectTime, other.id) }
}
