import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS

/// What happens between the first stream of a proxy and the removal of its Dataplane: a value, events in, actions out.
///
/// A proxy has two lanes, and in each of them one request is under way at a time. In the lane of its Dataplane streams are opened
/// one after the other, and what a closed stream leaves behind is put right: so nothing is removed while somebody registers. In
/// the other its DataplaneInsight is written, when ``ProxyRegistry`` says that it is its turn.
struct ProxyLifecycle: Sendable {
  /// What happened.
  enum Event: Sendable {
    /// A proxy of this name wants to open a stream.
    case opened(ProxyOpening)
    /// A stream that was admitted has ended.
    case closed(stream: String)
    /// A request was answered.
    case answered(Lane, Answer)
    /// The time of ``nextTime`` has come.
    case timeReached
    /// What the store has of the proxy, and which of the control planes that are named there are connected to the store.
    case found(dataplane: Resource?, insight: DataplaneInsight?, present: Set<String>)
    /// A store that was away is back.
    case storeReturned
    /// It is the proxy's turn to have its insight written.
    case writeInsight
    /// There is no Dataplane, hence nothing to write an insight about.
    case hasNoDataplane
    /// The control plane stops.
    case stopping
  }

  /// What is to be done, in order.
  enum Action: Sendable {
    /// Do something and report ``Event/answered(_:_:)``.
    case perform(Request, Lane)
    /// Let a stream begin.
    case admit(stream: String)
    /// Refuse a stream.
    case refuse(stream: String, SessionRefusal)
    /// A stream has ended: compute nothing for it any more.
    case disconnect
    /// Write the insight before long.
    case touch
    /// The insight is written, or cannot be.
    case finishedInsight(StoreError?)
    /// Write a line of the log.
    case log(LogLine)
  }

  /// Which of the two things that go on for a proxy.
  enum Lane: Sendable { case dataplane, insight }

  /// What a lane waits for.
  enum Request: Sendable {
    /// Read a resource of the proxy's.
    case get(ResourceType)
    /// Write a resource.
    case put(Resource, WriteCondition)
    /// Delete the Dataplane.
    case delete(WriteCondition)
    /// Find out which of some control planes are connected to the store.
    case find(instances: Set<String>)
    /// Take a Dataplane for stored.
    case adopt(Resource)
    /// Take it for stored no longer.
    case release
    /// Compute the proxy's configuration from now on.
    case connect(drainTime: Duration?)
  }

  /// What became of a request.
  enum Answer: Sendable {
    case resource(Resource?)
    case instances(Set<String>)
    case adopted(Bool)
    case done
    case failed(StoreError)
  }

  /// A stream that is open.
  struct Session: Sendable {
    var subscription: DataplaneInsight.Subscription
    /// The Dataplane that the proxy has brought along.
    var registration: Resource?
    var address: ProxyAddress
  }

  /// What goes on in the lane of the Dataplane.
  enum Work: Sendable {
    /// A stream is opened.
    indirect case opening(ProxyOpening, OpeningStep)
    /// The revision is read on which the removal of the Dataplane will depend.
    case scheduling(ContinuousClock.Instant)
    /// The Dataplane is removed.
    case removing(RemovalStep)
    /// The Dataplane of a stream that is left is put in the place of others.
    indirect case succeeding(Succession, isWriting: Bool)
    /// The same, in the place of what another control plane has left.
    case inheriting
    /// The Dataplane is registered again.
    case restoring(isWriting: Bool)
  }

  enum OpeningStep: Sendable { case reading, writing(isKnown: Bool), adopting(StoreError), connecting }
  enum RemovalStep: Sendable { case releasing, readingDataplane, readingInsight, finding, deleting }

  /// A Dataplane that is to be removed.
  struct Removal: Sendable {
    var time: ContinuousClock.Instant
    /// What the removal was decided on: whoever registers the proxy anew, here or at another control plane, changes it.
    var revision: UInt64?
  }

  /// Dataplanes of streams that are gone, in the place of which that of the newest stream is to be put.
  struct Succession: Sendable {
    var lost: [Resource]
    var time: ContinuousClock.Instant
  }

  /// Whether the Dataplane is to be registered again.
  enum Restoration: Sendable { case ifMissing, anyway }

  let proxy: ProxyID
  /// The streams that are open, in the order in which they began.
  private(set) var sessions: [Session] = []
  /// Streams that wait until they are opened.
  private var openings: [ProxyOpening] = []
  var work: Work?
  /// When the Dataplane of a proxy that has left is to be removed, until its revision is known too.
  var leave: ContinuousClock.Instant?
  var removal: Removal?
  var succession: Succession?
  var restoration: Restoration?
  /// A better Dataplane than the one that another control plane has left.
  var inheritance: (heir: Resource, revision: UInt64)?
  /// Whether the Dataplane could not be written.
  var owesRegistration = false
  /// Whether the store has come back while a stream was opened.
  var hasReturned = false
  /// Whether the insight could not be written, and is to be when the store is back.
  var owesInsight = false
  /// Subscriptions that have ended and are not written yet.
  var ended: [DataplaneInsight.Subscription] = []
  /// Control planes that are gone, whose subscriptions are to be ended.
  var departed: Set<String> = []
  /// What goes on in the lane of the insight: which subscriptions are being written, once that is known.
  var insight: InsightStep?
  enum InsightStep: Sendable { case reading, writing(Set<String>) }
  /// The time for which the proxy stands in the registry's queue.
  var queuedTime: ContinuousClock.Instant?

  init(_ proxy: ProxyID) { self.proxy = proxy }

  /// The stream that counts where there are several.
  var newest: Session? { sessions.last }

  /// Whether a proxy of this name has a stream, or is about to get one.
  var isConnected: Bool {
    if case .opening = work { return true }
    return !sessions.isEmpty || !openings.isEmpty
  }

  /// Whether another stream waits for the lane of the Dataplane.
  var isAwaited: Bool { !openings.isEmpty }

  /// Whether the removal of the Dataplane is about to be decided on.
  var isLeaving: Bool { if case .scheduling = work { true } else { leave != nil } }

  /// Whether there is nothing to remember.
  var isOver: Bool {
    !isConnected && work == nil && insight == nil && leave == nil && removal == nil && ended.isEmpty && departed.isEmpty
      && !owesInsight
  }

  /// When there is something to do, unless something else happens before.
  var nextTime: ContinuousClock.Instant? {
    guard work == nil else { return nil }
    return sessions.isEmpty ? removal?.time : succession?.time
  }

  /// Takes an event.
  mutating func handle(_ event: Event, _ context: LifecycleContext) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .opened(let opening): take(opening, context, &actions)
    case .closed(let stream): close(stream, context, &actions)
    case .answered(.dataplane, let answer): advance(answer, context, &actions)
    case .answered(.insight, let answer): advanceInsight(answer, context, &actions)
    case .timeReached: break
    case .found(let dataplane, let insight, let present): compare(dataplane, insight, present, context, &actions)
    case .storeReturned: makeUp(&actions)
    case .writeInsight: startInsight(&actions)
    case .hasNoDataplane:
      (ended, departed, owesInsight) = ([], [], false)
    case .stopping: stop(context, &actions)
    }
    startNext(context, &actions)
    return actions
  }

  /// Begins what is to be done next with the Dataplane, once nothing is under way.
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
    } else if let next = succession, next.time <= context.now {
      succession = nil
      guard hasHeir(of: next) else { return startNext(context, &actions) }
      begin(.succeeding(next, isWriting: false), .get(.dataplane), &actions)
    } else if let (heir, revision) = inheritance {
      inheritance = nil
      begin(.inheriting, .put(heir, .revision(revision)), &actions)
    } else if let next = restoration {
      restoration = nil
      guard let registration = newest?.registration else { return startNext(context, &actions) }
      switch next {
      case .anyway: begin(.restoring(isWriting: true), .put(registration, .always), &actions)
      case .ifMissing: begin(.restoring(isWriting: false), .get(.dataplane), &actions)
      }
    }
  }

  /// Goes on with the Dataplane after an answer.
  private mutating func advance(_ answer: Answer, _ context: LifecycleContext, _ actions: inout [Action]) {
    guard let current = work else { return }
    work = nil
    switch current {
    case .opening(let opening, let step): advance(opening, step, answer, context, &actions)
    case .scheduling(let time):
      guard sessions.isEmpty else { return }
      removal = Removal(time: time, revision: answer.resource?.revision)
    case .removing(let step): advanceRemoval(step, answer, context, &actions)
    case .succeeding(let succession, let isWriting):
      advanceSuccession(succession, isWriting, answer, context, &actions)
    case .inheriting:
      if case .failed(let error) = answer, ![.conflict, .notFound].contains(error.code) {
        actions.append(.log(.cannotTakeStock(error)))
      }
    case .restoring(let isWriting): advanceRestoration(isWriting, answer, &actions)
    }
  }

  /// Begins, or goes on with, a piece of work.
  mutating func begin(_ work: Work, _ request: Request, _ actions: inout [Action]) {
    self.work = work
    actions.append(.perform(request, .dataplane))
  }

  // MARK: Streams

  private mutating func take(_ opening: ProxyOpening, _ context: LifecycleContext, _ actions: inout [Action]) {
    let limit = context.settings.streamsOfOneName
    let isOpening = if case .opening = work { true } else { false }
    guard sessions.count + openings.count + (isOpening ? 1 : 0) < limit else {
      let message = "\(limit) streams of proxies of this name are open; give each proxy a name of its own"
      actions.append(.refuse(stream: opening.stream, .temporary(message)))
      return
    }
    openings.append(opening)
  }

  /// Notes that a stream is open.
  mutating func insert(_ session: Session) {
    sessions.append(session)
    sessions.sort { $0.subscription.isBefore($1.subscription) }
  }

  private mutating func close(_ stream: String, _ context: LifecycleContext, _ actions: inout [Action]) {
    guard let index = sessions.firstIndex(where: { $0.subscription.id == stream }) else { return }
    let session = sessions.remove(at: index)
    end(session.subscription, context)
    if sessions.isEmpty {
      succession = nil
      inheritance = nil
      restoration = nil
      owesRegistration = false
      if session.registration != nil { leave = context.now + context.settings.removalDelay }
    } else if let lost = session.registration {
      succession = Succession(lost: (succession?.lost ?? []) + [lost], time: context.now)
    }
    actions += [
      .disconnect, .touch, .log(LogLine(.info, "proxy disconnected", ["proxy": "\(proxy)", "stream": stream])),
    ]
  }

  /// The proxies are told nothing and keep running; only what is known of them is written down.
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
    ended.removeFirst(max(0, ended.count - DataplaneInsight.subscriptionLimit))
  }
}

extension ProxyLifecycle.Answer {
  /// The resource that was read, if there is one.
  var resource: Resource? { if case .resource(let resource) = self { resource } else { nil } }
}

extension SessionRefusal {
  /// The control plane stops.
  static let stopping = SessionRefusal.temporary("the control plane stops; connect again")
}

extension DataplaneInsight.Subscription {
  /// The order of streams: the one that began later is the newer one.
  func isBefore(_ other: Self) -> Bool { (connectTime, id) < (other.connectTime, other.id) }
}
