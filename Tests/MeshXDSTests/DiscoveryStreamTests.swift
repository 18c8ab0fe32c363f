import EnvoyAPI
import MeshXDS
import Testing

@Suite("Discovery stream")
struct DiscoveryStreamTests {
  @Test("Events have their actions", arguments: DiscoveryScript.all + DiscoveryScript.reporting)
  func script(_ script: DiscoveryScript) {
    var machine = DiscoveryStreamStateMachine(variant: script.variant)
    for (number, (step, expected)) in script.steps.enumerated() {
      let actions = machine.handle(step.event).map(\.words)
      #expect(actions == expected, "step \(number + 1), \(step)")
    }
  }

  @Test("What was rejected is remembered with its reason, and counted")
  func rejection() {
    var machine = DiscoveryStreamStateMachine(variant: .stateOfTheWorld)
    for (step, _) in DiscoveryScript.start { _ = machine.handle(step.event) }
    let next = ProxySnapshot.words(cds: "a", eds: "a", lds: "l")
    for step in [Step.snapshot(next), .sent, .ask(.cds, nonce: "4", error: "no such thing")] {
      _ = machine.handle(step.event)
    }
    #expect(machine.rejection(Kind.cds.typeURL)?.message == "no such thing")
    #expect(machine.rejection(Kind.cds.typeURL)?.version == next.clusters.version)
    #expect(machine.rejection(Kind.lds.typeURL) == nil)
    let counters = machine.counters(Kind.cds.typeURL)
    #expect(counters.sent == 2 && counters.acknowledged == 1 && counters.rejected == 1)
    #expect(machine.isSettled)
    _ = machine.handle(.snapshotChanged(DiscoveryScript.first))
    #expect(machine.rejection(Kind.cds.typeURL) == nil, "what it holds again is what it is to hold")
  }

  @Test("A stream accepts a limited number of types")
  func typeLimit() {
    var machine = DiscoveryStreamStateMachine(variant: .stateOfTheWorld)
    var failed = false
    for number in 0...DiscoveryStreamStateMachine.typeLimit {
      var message = Envoy_Service_Discovery_V3_DiscoveryRequest()
      message.node.id = "n"
      message.typeURL = "type.googleapis.com/t\(number)"
      for action in machine.handle(.request(DiscoveryStreamRequest(message))) {
        if case .fail(let failure) = action { failed = failure.code == .resourceExhausted }
      }
    }
    #expect(failed)
  }

  @Test("A proxy that reconnects while clusters are replaced keeps them")
  func comesBackMeanwhile() {
    var machine = DiscoveryStreamStateMachine(variant: .stateOfTheWorld)
    for (step, _) in DiscoveryScript.start { _ = machine.handle(step.event) }
    // The response with the old and the new cluster arrives, its acknowledgement does not.
    let next = ProxySnapshot.words(cds: "a c", eds: "a", lds: "l=2")
    let union = ResourceSet.words(.cds, "a b c")
    #expect(machine.handle(.snapshotChanged(next)).map(\.words) == ["cds #4 a b c"])
    var second = DiscoveryStreamStateMachine(variant: .stateOfTheWorld, remembered: machine.held)
    let steps: [(Step, [String])] = [
      (.ask(.cds, version: union.version), ["node n"]), (.snapshot(next), []),
      (.ask(.lds, version: DiscoveryScript.ldsVersion), ["lds #1 l"]), (.sent, []),
      (.ask(.lds, nonce: "1"), ["ack lds #1", "cds #2 a c"]),
    ]
    for (step, expected) in steps { #expect(second.handle(step.event).map(\.words) == expected) }
  }
}
