import Backoff
import Documents
import OrderedCollections
import Testing

@testable import KubernetesAPI

@Suite("How a kind is kept up to date") struct KindReplicaStateMachineTests {
  private var machine = KindReplicaStateMachine(
    schedule: BackoffSchedule(minimum: .seconds(1), maximum: .seconds(4)))

  private func object(_ name: String, _ version: Int, uid: String? = nil) -> KubernetesObject {
    var object = KubernetesObject(.configMap, namespace: "n", name: name)
    object.metadata["uid"] = .string(uid ?? "uid-\(name)")
    object.metadata["resourceVersion"] = .string(String(version))
    return object
  }

  private func failure(_ code: KubernetesError.Code, retryAfter: Int? = nil) -> KindReplicaStateMachine.Event {
    .failed(KubernetesError(code: code, message: "\(code)", retryAfter: retryAfter))
  }

  /// Takes an event at a time in seconds and returns the action.
  private mutating func take(_ event: KindReplicaStateMachine.Event, at seconds: Int = 0)
    -> KindReplicaStateMachine.Action
  {
    machine.handle(event, at: .seconds(seconds), share: 1).action
  }

  /// Opens a watch after a list.
  private mutating func open(at seconds: Int = 0, version: String = "7") {
    #expect(take(.started) == .list)
    #expect(take(.listed([], version: version)) == .watch(from: version))
    #expect(take(.received([]), at: seconds) == .proceed)
  }

  @Test("a watch that the server ends goes on where it was") mutating func end() {
    open()
    #expect(take(.received([.added(object("a", 9))]), at: 1) == .proceed)
    #expect(take(.ended, at: 400) == .watch(from: "9"))
    #expect(take(.received([.bookmark(resourceVersion: "30")]), at: 401) == .proceed)
    #expect(take(.ended, at: 800) == .watch(from: "30"))
  }

  @Test("after a watch that told nothing, and after a cut one, the newest version is asked for") mutating func check() {
    open()
    #expect(take(.ended, at: 400) == .check)
    #expect(take(.checked(newest: "50")) == .watch(from: "7"))
    #expect(take(.received([]), at: 401) == .proceed)
    #expect(take(failure(.unavailable), at: 500) == .check)
    #expect(take(.checked(newest: "6")) == .list)
  }

  @Test("a version that is too old is listed again at once, and nothing is said about it") mutating func expired() {
    open()
    let step = machine.handle(failure(.expired), at: .seconds(9), share: 1)
    #expect(step.action == .list && step.updates.isEmpty && machine.trouble == nil)
    // The version of a list that has just arrived cannot be too old: something is wrong.
    #expect(take(.listed([], version: "9"), at: 9) == .watch(from: "9"))
    #expect(take(failure(.expired), at: 9) == .pause(.seconds(1)))
    #expect(take(.resumed, at: 10) == .list)
  }

  @Test("a watch that ends soon is not opened again at once") mutating func short() {
    open(at: 5)
    #expect(take(.ended, at: 5) == .pause(.seconds(1)))
    #expect(take(.resumed, at: 6) == .check)
    #expect(take(.checked(newest: "8")) == .watch(from: "7"))
    #expect(take(.received([]), at: 6) == .proceed)
    #expect(take(failure(.unavailable), at: 6) == .pause(.seconds(2)))
    #expect(take(.resumed, at: 8) == .list)
  }

  @Test("trouble is told once, and over when the server has accepted a watch") mutating func trouble() {
    #expect(take(.started) == .list)
    let first = machine.handle(failure(.kindNotServed), at: .zero, share: 1)
    #expect(first.action == .pause(.seconds(1)))
    guard case .trouble(let error?) = first.updates.first, error.code == .kindNotServed else {
      Issue.record("\(first.updates)")
      return
    }
    #expect(take(.resumed) == .list)
    let second = machine.handle(failure(.kindNotServed), at: .zero, share: 1)
    #expect(second.action == .pause(.seconds(2)) && second.updates.isEmpty)
    #expect(take(.resumed) == .list)
    // The right to list may be there without the right to watch.
    #expect(take(.listed([object("a", 3)], version: "4")) == .watch(from: "4"))
    #expect(take(failure(.forbidden)) == .pause(.seconds(4)))
    #expect(machine.trouble?.code == .forbidden && machine.table.objects.count == 1)
    #expect(take(.resumed) == .list)
    #expect(take(.listed([object("a", 3)], version: "5")) == .watch(from: "5"))
    let end = machine.handle(.received([]), at: .zero, share: 1)
    guard case .trouble(nil) = end.updates.first else {
      Issue.record("\(end.updates)")
      return
    }
    #expect(machine.trouble == nil)
  }

  @Test("a server that asks for time gets it, within a bound, and is not asked for a list") mutating func busy() {
    open()
    #expect(take(.ended, at: 100) == .check)
    #expect(take(failure(.tooManyRequests, retryAfter: 20), at: 100) == .pause(.seconds(20)))
    #expect(take(.resumed, at: 120) == .check)
    #expect(take(failure(.tooManyRequests, retryAfter: 3000), at: 120) == .pause(.seconds(60)))
    #expect(take(.resumed, at: 180) == .check)
    // A list that was refused is asked for again: there is nothing else to go on from.
    #expect(take(failure(.unavailable), at: 180) == .pause(.seconds(4)))
    #expect(take(.resumed, at: 190) == .list)
    #expect(take(failure(.tooManyRequests), at: 190) == .pause(.seconds(4)))
    #expect(take(.resumed, at: 200) == .list)
  }

  @Test("an object that is deleted and made again between two parts of a watch comes as changed") mutating func again()
  {
    open()
    _ = take(.received([.added(object("a", 8, uid: "one"))]))
    let step = machine.handle(
      .received([.deleted(object("a", 9, uid: "one")), .added(object("a", 10, uid: "two"))]), at: .zero, share: 1)
    guard step.updates.count == 1, case .changed(let changed)? = step.updates.first else {
      Issue.record("\(step.updates)")
      return
    }
    #expect(changed.map(\.uid) == ["two"])
  }

  @Test("versions that are no numbers: the watch is taken as it comes, and writes are left to it") mutating func words()
  {
    open(version: "alpha")
    var object = object("a", 1)
    object.metadata["resourceVersion"] = "beta"
    #expect(machine.note(stored: object).isEmpty)
    #expect(machine.handle(.received([.added(object)]), at: .zero, share: 1).updates.count == 1)
    #expect(take(.ended, at: 100) == .watch(from: "beta"))
    object.metadata["resourceVersion"] = "aleph"
    object["data"] = ["k": "v"]
    #expect(machine.handle(.received([.modified(object)]), at: .zero, share: 1).updates.count == 1)
    #expect(machine.handle(.received([.deleted(object)]), at: .zero, share: 1).updates.count == 1)
    #expect(machine.table.objects.isEmpty)
  }

  @Test("a list that is older than an own write does not undo it") mutating func listAndWrites() {
    open()
    _ = take(.received([.added(object("kept", 8)), .added(object("gone", 9))]), at: 1)
    #expect(take(failure(.expired), at: 9) == .list)
    #expect(machine.note(stored: object("new", 20)).count == 1)
    #expect(machine.note(deleted: object("gone", 9)).count == 1)
    let step = machine.handle(
      .listed([object("kept", 8), object("gone", 9)], version: "15"), at: .seconds(9), share: 1)
    #expect(step.action == .watch(from: "15") && step.updates.isEmpty)
    #expect(Set(machine.table.objects.keys.map(\.name)) == ["kept", "new"])
    // What was written before the list began is in it, or is gone.
    #expect(take(failure(.expired), at: 10) == .pause(.seconds(1)))
    #expect(take(.resumed, at: 11) == .list)
    #expect(take(.listed([object("kept", 8)], version: "30")) == .watch(from: "30"))
    #expect(machine.table.objects.keys.map(\.name) == ["kept"])
  }

  @Test("a list whose keys stand in another order than those of the watch changes nothing, another content does")
  mutating func orderOfKeys() {
    open()
    var told = object("a", 8)
    told["data"] = ["x": ["k": 1, "l": 2], "y": ["z"]]
    _ = take(.received([.added(told)]), at: 1)
    var listed = KubernetesObject(["metadata": .object(told.metadata)])
    listed["data"] = ["y": ["z"], "x": ["l": 2, "k": 1]]
    for key in ["kind", "apiVersion"] { listed[key] = told[key] }
    #expect(take(failure(.expired), at: 9) == .list)
    #expect(machine.handle(.listed([listed], version: "9"), at: .seconds(9), share: 1).updates.isEmpty)
    _ = take(.received([]), at: 9)
    #expect(take(failure(.expired), at: 20) == .list)
    listed["data"] = ["y": ["z"]]
    #expect(machine.handle(.listed([listed], version: "9"), at: .seconds(20), share: 1).updates.count == 1)
  }

  @Test("what was deleted unseen is forgotten within a bound") mutating func bound() {
    open()
    for number in 0..<(ReplicaTable.unseenLimit + 10) {
      #expect(machine.note(deleted: object("o\(number)", 1)).isEmpty)
    }
    #expect(machine.note(stored: object("o0", 100)).count == 1)
    #expect(machine.note(stored: object("o\(ReplicaTable.unseenLimit)", 101)).isEmpty)
  }

  @Test("nothing follows the end") mutating func stop() {
    open()
    #expect(take(.stopped) == .stop)
    #expect(take(.resumed) == .stop)
    #expect(take(failure(.expired)) == .stop)
  }
}
