import Documents
import KubernetesAPI
import OrderedCollections
import TestSupport

@testable import KubernetesAPI

/// Several processes that want to lead, each with a clock of its own, and one Lease on a server over a network that loses
/// requests and answers. A seed decides on the interleaving. Each rule that is broken becomes a fault.
struct ElectionSimulation {
  private enum Request {
    case none
    case read
    case write(KubernetesObject, isCreation: Bool)
    /// The server has answered, and the process has not taken the answer yet.
    case answered(Result<KubernetesObject, KubernetesError>)
    case pause(until: Duration)
  }

  private struct Candidate {
    let name: String
    var machine: LeaderElectionStateMachine
    /// How far its clock is ahead of the true time; no process knows of another one's clock.
    var offset: Duration
    var request = Request.none
    /// When the request was sent, in true time.
    var sentAt = Duration.zero
    /// Until when the process stands still.
    var frozenUntil = Duration.zero
    /// Whether it cannot reach the server.
    var isCut = false
    var isAlive = true
    /// A request that has been given up, and may still reach the server.
    var late: (lease: KubernetesObject, isCreation: Bool)?
  }

  private(set) var faults: [String] = []
  /// What happened; kept only if it was asked for.
  let story: Story
  private(set) var changesOfLeader = 0
  var hasFailures = true
  private(set) var time = Duration.zero
  private var random: SeededGenerator
  private var lease: KubernetesObject?
  private var version = 1
  private var candidates: [Candidate] = []
  private var lastLeader: String?
  /// When somebody last deleted the Lease. A process that has never seen it may then lead while its holder still thinks it
  /// does; one that has seen it waits.
  private var deletedAt: Duration?
  private var started = 0
  private let times: LeaderElectionStateMachine.Times

  init(seed: UInt64, candidates count: Int, lease: Duration = .seconds(15), tells: Bool = false) {
    story = Story(isKept: tells)
    random = SeededGenerator(seed: seed)
    times = .init(lease: lease, renew: lease * (2.0 / 3), retry: lease * (2.0 / 15))
    for _ in 0..<count { start() }
  }

  private mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share }

  private mutating func start() {
    started += 1
    let name = "p\(started)"
    candidates.append(
      Candidate(
        name: name,
        machine: LeaderElectionStateMachine(identity: name, namespace: "n", name: "lease", times: times),
        offset: .seconds(Int.random(in: 0..<100_000, using: &random))))
    take(.started, candidates.count - 1)
  }

  /// Who leads now, as each process sees it.
  var leaders: [String] {
    candidates.filter { $0.isAlive && $0.machine.isLeader(at: time + $0.offset) }.map(\.name)
  }

  // MARK: Steps

  mutating func step() {
    time += .milliseconds(Int.random(in: 0..<700, using: &random))
    if hasFailures, chance(0.05) { disturb() }
    for index in candidates.indices.shuffled(using: &random) where candidates[index].isAlive { progress(index) }
    check()
  }

  private mutating func disturb() {
    let index = Int.random(in: 0..<candidates.count, using: &random)
    guard candidates[index].isAlive else { return }
    let name = candidates[index].name
    switch Int.random(in: 0..<6, using: &random) {
    case 0, 1:
      candidates[index].isCut.toggle()
      story.note(time, "\(name) \(candidates[index].isCut ? "is cut off" : "is back")")
    case 2:
      let pause = Duration.seconds(Int.random(in: 1..<60, using: &random))
      candidates[index].frozenUntil = time + pause
      story.note(time, "\(name) stands still for \(pause)")
    case 3:
      candidates[index].isAlive = false
      story.note(time, "\(name) is killed")
      start()
    case 4:
      story.note(time, "\(name) is stopped")
      take(.stopping, index)
    default:
      guard lease != nil else { return }
      (lease, deletedAt) = (nil, time)
      story.note(time, "somebody deletes the lease")
    }
  }

  private mutating func progress(_ index: Int) {
    let candidate = candidates[index]
    guard candidate.frozenUntil <= time else { return }
    if let late = candidate.late, chance(0.3) {
      // What was given up reaches the server now; nobody awaits the answer.
      candidates[index].late = nil
      _ = store(late.lease, isCreation: late.isCreation)
    }
    switch candidate.request {
    case .none: return
    case .pause(let end):
      if time >= end { take(.resumed, index) }
    case .read:
      guard reaches(index) else { return }
      take(.read(lease), index)
    case .write(let written, let isCreation):
      guard reaches(index) else { return }
      let answer = store(written, isCreation: isCreation)
      if hasFailures, chance(0.1) { return giveUp(index) }
      candidates[index].request = .answered(answer)
      if chance(0.5) { progress(index) }
    case .answered(let answer):
      switch answer {
      case .success(let stored): take(.written(stored), index)
      case .failure(let error): take(.failed(error), index)
      }
    }
  }

  /// Whether a request arrives in this step; otherwise it is on its way, or given up after some time.
  private mutating func reaches(_ index: Int) -> Bool {
    let candidate = candidates[index]
    if !candidate.isCut, chance(0.6) { return true }
    guard time - candidate.sentAt > times.renew / 2 else { return false }
    if case .write(let lease, let isCreation) = candidate.request, !candidate.isCut, chance(0.5) {
      candidates[index].late = (lease, isCreation)
    }
    giveUp(index)
    return false
  }

  private mutating func giveUp(_ index: Int) {
    take(.failed(KubernetesError(code: .unavailable, message: "no answer")), index)
  }

  private mutating func store(_ written: KubernetesObject, isCreation: Bool) -> Result<
    KubernetesObject, KubernetesError
  > {
    if isCreation, lease != nil { return .failure(KubernetesError(code: .alreadyExists, message: "")) }
    if !isCreation {
      guard let lease else { return .failure(KubernetesError(code: .notFound, message: "")) }
      guard lease.resourceVersion == written.resourceVersion else {
        return .failure(KubernetesError(code: .conflict, message: ""))
      }
    }
    version += 1
    var stored = written
    stored.metadata["resourceVersion"] = .string(String(version))
    lease = stored
    return .success(stored)
  }

  private mutating func take(_ event: LeaderElectionStateMachine.Event, _ index: Int) {
    let wallClock = Timestamp(seconds: 1_700_000_000 + Int64.random(in: -1000...1000, using: &random))
    let action = candidates[index].machine.handle(
      event, at: time + candidates[index].offset, wallClock: wallClock,
      share: Double.random(in: 0...1, using: &random))
    candidates[index].sentAt = time
    switch action {
    case .read: candidates[index].request = .read
    case .create(let lease): candidates[index].request = .write(lease, isCreation: true)
    case .replace(let lease): candidates[index].request = .write(lease, isCreation: false)
    case .pause(let wait): candidates[index].request = .pause(until: time + wait)
    case .stop:
      candidates[index].isAlive = false
      story.note(time, "\(candidates[index].name) has ended")
      start()
    }
  }

  private mutating func check() {
    let leaders = leaders
    if leaders.count > 1, deletedAt.map({ time > $0 + times.lease }) ?? true {
      faults.append("\(time): \(leaders) lead")
    }
    guard let leader = leaders.first, leader != lastLeader else { return }
    story.note(time, "\(leader) leads")
    changesOfLeader += 1
    lastLeader = leader
  }

  // MARK: For tests

  /// Lets the network work, and kills the leader or stops it.
  mutating func removeLeader(gracefully: Bool) {
    guard let index = candidates.firstIndex(where: { leaders.contains($0.name) }) else { return }
    story.note(time, "\(candidates[index].name) \(gracefully ? "is stopped" : "is killed")")
    if gracefully {
      take(.stopping, index)
    } else {
      candidates[index].isAlive = false
    }
  }

  mutating func run(for duration: Duration) {
    let end = time + duration
    while time < end { step() }
  }

  /// A network and processes that work.
  mutating func heal() {
    hasFailures = false
    for index in candidates.indices { (candidates[index].isCut, candidates[index].frozenUntil) = (false, .zero) }
  }

  /// The Lease as it is.
  var record: LeaseRecord? { lease.map(LeaseRecord.init) }
}
