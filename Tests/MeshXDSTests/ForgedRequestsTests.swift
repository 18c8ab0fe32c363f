import EnvoyAPI
import MeshTestSupport
import Testing

@testable import MeshXDS

/// Requests that no proxy has a reason to send.
@Suite("Forged discovery requests")
struct ForgedRequestsTests {
  private typealias Machine = DiscoveryStreamStateMachine

  /// A stream with its clusters sent, as response 1, and not answered.
  private func started(_ variant: DiscoveryVariant) -> Machine {
    var machine = Machine(variant: variant)
    _ = machine.handle(variant == .stateOfTheWorld ? Step.ask(.cds).event : Step.change(.cds).event)
    let actions = machine.handle(.snapshotChanged(.words(cds: "a b", eds: "a", lds: "l"))).map(\.words)
    #expect(actions == ["cds #1 a b"])
    _ = machine.handle(.sent)
    return machine
  }

  private func answer(_ variant: DiscoveryVariant, nonce: String, error: String? = nil, version: String = "") -> Step {
    variant == .stateOfTheWorld
      ? .ask(.cds, version: version, nonce: nonce, error: error) : .change(.cds, "*", nonce: nonce, error: error)
  }

  @Test(
    "an answer to a response that was never sent is no answer",
    arguments: [DiscoveryVariant.stateOfTheWorld, .incremental], ["2", "0", "-1", "18446744073709551616", "１", " 1"])
  func nonces(variant: DiscoveryVariant, nonce: String) {
    for error in [nil, "no"] {
      var machine = started(variant)
      for _ in 0..<100 {
        let actions = machine.handle(answer(variant, nonce: nonce, error: error, version: "forged").event)
        #expect(actions.isEmpty)
      }
      #expect(machine.counters(Kind.cds.typeURL).acknowledged == 0 && machine.rejection(Kind.cds.typeURL) == nil)
      // The true answer is still one.
      #expect(machine.handle(answer(variant, nonce: "1").event).map(\.words).first == "ack cds #1")
    }
  }

  @Test("an answer counts once", arguments: [DiscoveryVariant.stateOfTheWorld, .incremental])
  func repeated(variant: DiscoveryVariant) {
    var machine = started(variant)
    for _ in 0..<100 { _ = machine.handle(answer(variant, nonce: "1").event) }
    #expect(machine.counters(Kind.cds.typeURL).acknowledged == 1)
    #expect(machine.counters(Kind.cds.typeURL).sent <= 2, "no response follows before the last is answered")
  }

  @Test("a version that the proxy claims and nobody knows is worth nothing")
  func versions() {
    var machine = Machine(variant: .stateOfTheWorld)
    _ = machine.handle(Step.ask(.cds, version: "forged").event)
    #expect(machine.handle(.snapshotChanged(.words(cds: "a b"))).map(\.words) == ["cds #1 a b"])
    var delta = Machine(variant: .incremental)
    _ = delta.handle(Step.change(.lds, held: ["a": "forged", "b": "forged", "other": "forged"]).event)
    #expect(delta.handle(.snapshotChanged(.words(lds: "a b"))).map(\.words) == ["lds #1 a b -other"])
  }

  @Test("a second node id ends the stream")
  func nodeIDs() {
    var machine = started(.stateOfTheWorld)
    #expect(machine.handle(Step.ask(.eds, "a", node: "other").event).map(\.words) == ["fail invalidArgument"])
    // Nothing happens afterwards, whatever comes.
    #expect(machine.handle(answer(.stateOfTheWorld, nonce: "1").event).isEmpty)
  }

  private func request(names: [String], held: [String: String] = [:], nonce: String = "") -> Machine.Event {
    var request = DiscoveryStreamRequest(
      typeURL: Kind.eds.typeURL, nonce: nonce,
      interest: .change(subscribe: names, unsubscribe: [], initialVersions: held))
    request.node = Envoy_Config_Core_V3_Node()
    request.node?.id = "n"
    return .request(request)
  }

  @Test("of a million names a bounded number is kept, their memory is counted, and a response names few of them")
  func millionNames() throws {
    var machine = Machine(variant: .incremental)
    _ = machine.handle(.snapshotChanged(.words(eds: "a")))
    var (sent, most, told) = (0, 0, 0)
    func take(_ actions: [Machine.Action], _ machine: inout Machine) -> [Machine.Action] {
      var rest: [Machine.Action] = []
      for case .send(let response) in actions {
        sent += 1
        most = max(most, response.removed.reduce(0) { $0 + $1.utf8.count })
        told += response.removed.count
        rest += machine.handle(.sent)
        rest += machine.handle(request(names: [], nonce: response.nonce))
      }
      return rest
    }
    for part in 0..<50 {
      let names = (0..<20_000).map { "name-that-no-resource-has-\(part)-\($0)" }
      var actions = machine.handle(request(names: ["a"] + names))
      while !actions.isEmpty { actions = take(actions, &machine) }
      #expect(machine.costOfUnknownNames <= 65_536 * (128 + 40))
    }
    #expect(machine.overflowingTypes == [Kind.eds.typeURL])
    #expect(told == 65_535, "each name that is kept is told once")
    #expect(most > 0 && most <= TypeSubscription.removedBytes + 40)
    #expect(sent <= 100)
  }

  @Test("a claim to hold very many resources is counted, and answered in parts")
  func claims() {
    var machine = Machine(variant: .incremental)
    let held = Dictionary(uniqueKeysWithValues: (0..<20_000).map { ("a-resource-that-never-was-\($0)", "forged") })
    var request = DiscoveryStreamRequest(
      typeURL: Kind.lds.typeURL, interest: .change(subscribe: [], unsubscribe: [], initialVersions: held))
    request.node = Envoy_Config_Core_V3_Node()
    request.node?.id = "n"
    _ = machine.handle(.request(request))
    #expect(machine.costOfUnknownNames >= 20_000 * 128)
    var (actions, removed, responses) = (machine.handle(.snapshotChanged(.words(lds: "a"))), Set<String>(), 0)
    while case .send(let response)? = actions.last {
      responses += 1
      #expect(removed.isDisjoint(with: response.removed))
      removed.formUnion(response.removed)
      #expect(response.removed.reduce(0) { $0 + $1.utf8.count } <= TypeSubscription.removedBytes + 40)
      _ = machine.handle(.sent)
      actions = machine.handle(Step.change(.lds, nonce: response.nonce).event)
    }
    #expect(removed == Set(held.keys) && responses == 3)
    #expect(machine.costOfUnknownNames == 0 && machine.isSettled)
  }

  @Test(
    "whatever is sent, no more than one response is under way, and nothing grows",
    arguments: [DiscoveryVariant.stateOfTheWorld, .incremental], [UInt64(1), 2, 3])
  func random(variant: DiscoveryVariant, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var machine = Machine(variant: variant)
    _ = machine.handle(.snapshotChanged(.words(cds: "a b", eds: "a b", lds: "l m")))
    let names = ["", "a", "b", "c", "*", "l", "a b c", "x y z"]
    var (unanswered, sent) = (0, 0)
    for _ in 0..<3_000 {
      let kind = Kind.allCases.randomElement(using: &random) ?? .cds
      let nonce = String(Int.random(in: 0...max(1, sent), using: &random))
      let error = Int.random(in: 0..<4, using: &random) == 0 ? "no" : nil
      let list = names.randomElement(using: &random) ?? ""
      let step: Step =
        variant == .stateOfTheWorld
        ? .ask(kind, list, version: nonce, nonce: nonce, error: error)
        : .change(kind, list, held: [nonce: nonce], nonce: nonce, error: error)
      let actions = machine.handle(step.event)
      #expect(actions.count <= 6)
      for case .send in actions { (unanswered, sent) = (unanswered + 1, sent + 1) }
      #expect(unanswered <= 1)
      if unanswered > 0, Bool.random(using: &random) {
        unanswered -= 1
        for case .send in machine.handle(.sent) { (unanswered, sent) = (unanswered + 1, sent + 1) }
      }
      if Int.random(in: 0..<50, using: &random) == 0 {
        let snapshot = ProxySnapshot.words(cds: "a=\(sent) b", eds: "a b", lds: "l m=\(sent)")
        for case .send in machine.handle(.snapshotChanged(snapshot)) { (unanswered, sent) = (unanswered + 1, sent + 1) }
      }
      #expect(machine.costOfUnknownNames == 0, "few names need no budget")
    }
    #expect(sent > 10)
  }
}
