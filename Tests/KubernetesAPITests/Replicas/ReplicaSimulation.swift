import Backoff
import KubernetesAPI
import TestSupport

@testable import KubernetesAPI

/// A replica, its owner and an API server over a network that fails, with a clock of its own, in interleavings that a seed
/// decides. Each rule that is broken becomes a fault.
struct ReplicaSimulation {
  /// A request of the replica on its way.
  private enum Request {
    case none
    /// The answer is `nil` until the server has made it.
    case list(answer: (objects: [KubernetesObject], version: UInt64)?)
    case check(answer: UInt64?)
    case watch(position: UInt64, isOpen: Bool)
    case pause(until: Duration)
  }

  /// The answer to a write of this process.
  private enum Answer {
    case stored(KubernetesObject)
    case deleted(KubernetesObject)
  }

  private(set) var server = SimulatedKind()
  private(set) var machine = KindReplicaStateMachine(
    schedule: BackoffSchedule(minimum: .milliseconds(500), maximum: .seconds(5)))
  /// What the owner has made of the updates.
  private(set) var owned: [String: KubernetesObject] = [:]
  private(set) var trouble: KubernetesError?
  private(set) var faults: [String] = []
  /// What happened; kept only if it was asked for, since most of the time would be spent on it.
  let story: Story
  private(set) var lists = 0
  var isAway = false
  var hasFailures = true

  private var random: SeededGenerator
  private var time = Duration.zero
  private var request = Request.none
  private var answers: [Answer] = []
  private var wholeStates = 0
  /// The newest version that the owner was told of each name.
  private var newest: [String: UInt64] = [:]
  /// What this process has deleted and knows to be gone.
  private var gone: Set<String> = []
  private var copy: SimulatedKind?
  /// After a restored copy nobody writes until the replica has asked the server for anything.
  private var isFreshlyRestored = false
  /// Until it has listed the copy, the replica cannot tell the versions of its own writes from those before.
  private var isRestored = false

  init(seed: UInt64, tells: Bool = false) {
    story = Story(isKept: tells)
    random = SeededGenerator(seed: seed)
    take(.started)
  }

  private mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share }
  private mutating func name() -> String { "o\(Int.random(in: 0..<5, using: &random))" }

  // MARK: Steps

  mutating func step() {
    time += .milliseconds(Int.random(in: 0..<400, using: &random))
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<25: writeByOthers()
    case 25..<40: writeHere()
    case 40..<50: deliverAnswer()
    case 50..<53 where hasFailures: disturb()
    default: progress()
    }
    check()
  }

  /// Lets everything come to an end, with a server and a network that work.
  mutating func settle() {
    hasFailures = false
    isAway = false
    if !server.isServed { server.serve() }
    for step in 0..<400 {
      if step.isMultiple(of: 20), isSettled { return }
      time += .milliseconds(200)
      if !answers.isEmpty { deliverAnswer() }
      progress()
      check()
    }
  }

  private mutating func writeByOthers() {
    guard !isFreshlyRestored else { return }
    let name = name()
    switch Int.random(in: 0..<4, using: &random) {
    case 0: if server.delete(name) != nil { story.note(time, "others delete \(name) at \(server.version)") }
    case 1: server.pass()
    default: if server.write(name) != nil { story.note(time, "others write \(name) at \(server.version)") }
    }
  }

  /// Writes through the same server, unless it is away; the answer comes later, or never.
  private mutating func writeHere() {
    guard !isAway, !isFreshlyRestored else { return }
    let name = name()
    if chance(0.3) {
      guard let object = server.delete(name) else { return }
      story.note(time, "we delete \(name) at \(server.version)")
      if !hasFailures || chance(0.9) { answers.append(.deleted(object)) }
    } else if let object = server.write(name) {
      story.note(time, "we write \(name) at \(server.version)")
      if !hasFailures || chance(0.9) { answers.append(.stored(object)) }
    }
  }

  private mutating func deliverAnswer() {
    guard !answers.isEmpty else { return }
    switch answers.remove(at: Int.random(in: 0..<answers.count, using: &random)) {
    case .stored(let object):
      story.note(time, "the answer: \(object.name) is stored as \(object.resourceVersion)")
      apply(machine.note(stored: object))
      expectWritten(object)
    case .deleted(let object):
      story.note(time, "the answer: \(object.name) is deleted, which was \(object.resourceVersion)")
      apply(machine.note(deleted: object))
      gone.insert(object.uid)
      if owned[object.name]?.uid == object.uid { faults.append("a deleted \(object.name) is still read") }
    }
  }

  /// Whoever has written an object reads it, or what came after it.
  private mutating func expectWritten(_ object: KubernetesObject) {
    let version = UInt64(object.resourceVersion) ?? 0
    if let read = owned[object.name], (UInt64(read.resourceVersion) ?? 0) >= version { return }
    if server.deletedUIDs.contains(object.uid) || isRestored { return }
    faults.append("\(object.name) of \(version) was written and is not read")
  }

  private mutating func disturb() {
    switch Int.random(in: 0..<8, using: &random) {
    case 0:
      server.compact()
      story.note(time, "compacted at \(server.version)")
    case 1, 2:
      story.note(time, "the network cuts")
      fail(.unavailable)
    case 3:
      isAway.toggle()
      story.note(time, isAway ? "the server is away" : "the server is back")
      if isAway { fail(.unavailable) }
    case 4:
      guard server.isServed else {
        server.serve()
        story.note(time, "the definition is made again")
        return
      }
      server.stopServing()
      story.note(time, "the definition is deleted at \(server.version)")
    case 5:
      copy = server
      story.note(time, "a copy is made at \(server.version)")
    case 6:
      guard let copy, copy.version < server.version else { return }
      story.note(time, "the copy of \(copy.version) is put in place at \(server.version)")
      server.restore(copy)
      answers = []
      (newest, gone) = ([:], [])
      (isFreshlyRestored, isRestored) = (true, true)
      self.copy = nil
      fail(.unavailable)
    default:
      guard case .watch(_, true) = request else { return }
      story.note(time, "the server ends the watch")
      take(.ended)
    }
  }

  /// Ends the watch as the server does after some minutes, or as a change of the definition does.
  mutating func endWatch() {
    time += .seconds(300)
    take(.ended)
  }

  /// Whether everything has arrived, and the watch is open.
  var isSettled: Bool {
    guard case .watch(_, isOpen: true) = request else { return false }
    return answers.isEmpty && owned == server.objects && trouble == nil
  }

  // MARK: The replica's requests

  /// The server makes an answer, or an answer arrives.
  private mutating func progress() {
    switch request {
    case .none: return
    case .pause(let end):
      if time >= end { take(.resumed) }
    case .list(let answer?):
      story.note(time, "the list of \(answer.version) arrives")
      lists += 1
      (isFreshlyRestored, isRestored) = (false, false)
      take(.listed(answer.objects, version: String(answer.version)))
      for object in owned.values { newest[object.name] = UInt64(object.resourceVersion) }
    case .check(let answer?):
      isFreshlyRestored = false
      take(.checked(newest: String(answer)))
      if case .watch = request { isRestored = false }
    case .list, .check, .watch(_, false):
      if isAway { return fail(.unavailable) }
      if !server.isServed { return fail(.kindNotServed) }
      answerNow()
    case .watch(let position, true): tell(from: position)
    }
  }

  private mutating func answerNow() {
    switch request {
    case .list:
      let objects = server.objects.values.sorted { $0.name < $1.name }
      request = .list(answer: (objects, server.version))
      if chance(0.3) { progress() }
    case .check: request = .check(answer: server.version)
    case .watch(let position, _):
      if position < server.compacted { return fail(.expired) }
      request = .watch(position: position, isOpen: true)
      take(.received([]))
    default: return
    }
  }

  /// Tells some of the events that are due, in order, or a bookmark.
  private mutating func tell(from position: UInt64) {
    let due = server.entries(after: position)
    // The history may have been compacted before it was told.
    if position < server.compacted { return fail(.expired) }
    guard !due.isEmpty else {
      if !server.isServed { return take(.ended) }
      // Nothing is told from a version of the future.
      guard server.version > position, chance(0.1) else { return }
      request = .watch(position: server.version, isOpen: true)
      return take(.received([.bookmark(resourceVersion: String(server.version))]))
    }
    let told = due.prefix(Int.random(in: 1...due.count, using: &random))
    request = .watch(position: told.last?.version ?? position, isOpen: true)
    take(.received(told.map(\.event)))
  }

  private mutating func fail(_ code: KubernetesError.Code) {
    switch request {
    case .none, .pause: return
    default: break
    }
    take(.failed(KubernetesError(code: code, message: "\(code)")))
  }

  private mutating func take(_ event: KindReplicaStateMachine.Event) {
    let step = machine.handle(event, at: time, share: .random(in: 0...1, using: &random))
    if step.action != .proceed { story.note(time, "then \(step.action)") }
    switch step.action {
    case .list: request = .list(answer: nil)
    case .check: request = .check(answer: nil)
    case .watch(let version): request = .watch(position: UInt64(version) ?? 0, isOpen: false)
    case .pause(let wait): request = .pause(until: time + wait)
    case .proceed: break
    case .stop: request = .none
    }
    apply(step.updates)
  }

  // MARK: The owner

  private mutating func apply(_ updates: [KindReplica.Update]) {
    for update in updates {
      switch update {
      case .replaced(let objects):
        wholeStates += 1
        owned = [:]
        for object in objects { keep(object) }
      case .changed(let objects):
        for object in objects {
          if owned[object.name] == object { faults.append("\(object.name) is said to have changed and has not") }
          keep(object)
        }
      case .deleted(let objects):
        for object in objects {
          if owned.removeValue(forKey: object.name) == nil { faults.append("\(object.name) was deleted twice") }
          guard newest[object.name] != nil else { continue }
          if !server.deletedUIDs.contains(object.uid) { faults.append("\(object.name) is lost") }
        }
      case .trouble(let error):
        if trouble == nil, error == nil { faults.append("trouble is over that never was") }
        trouble = error
      }
    }
  }

  private mutating func keep(_ object: KubernetesObject) {
    let version = UInt64(object.resourceVersion) ?? 0
    if let known = newest[object.name], version < known {
      faults.append("\(object.name) goes back from \(known) to \(version)")
    }
    if gone.contains(object.uid) { faults.append("\(object.name) was deleted here and comes back") }
    newest[object.name] = version
    owned[object.name] = object
    if server.forms[SimulatedKind.form(object)] != object { faults.append("\(object.name) was never like this") }
  }

  private mutating func check() {
    if wholeStates > 1 { faults.append("a second whole state") }
    let known = Dictionary(machine.table.objects.map { ($0.key.name, $0.value) }) { first, _ in first }
    // Objects with one version are compared now and then: that takes time.
    let isEqual =
      chance(0.1)
      ? known == owned
      : known.count == owned.count && known.allSatisfy { owned[$0.key]?.resourceVersion == $0.value.resourceVersion }
    if !isEqual { faults.append("the owner holds something else than the replica") }
    if machine.trouble?.code != trouble?.code { faults.append("the owner knows of another trouble") }
  }
}
