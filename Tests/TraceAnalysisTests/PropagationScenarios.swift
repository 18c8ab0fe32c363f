/// A service that does something in particular.
struct PropagationScenario: Sendable, CustomStringConvertible {
  let description: String
  let simulation: PropagationSimulation

  init(_ description: String, _ change: (inout PropagationSimulation) -> Void = { _ in }) {
    self.description = description
    var simulation = PropagationSimulation()
    change(&simulation)
    self.simulation = simulation
  }

  /// Services that pass on every trace, or have none to pass on. Nobody may blame them.
  static let innocent: [PropagationScenario] = [
    PropagationScenario("receives only"),
    PropagationScenario("forwards") { $0.calls = [("payments", 0), ("stock", 0)] },
    PropagationScenario("background work, few requests") {
      $0.arrival = .open(perSecond: 4)
      $0.background = [.random(perSecond: 10, callee: "registry")]
    },
    PropagationScenario("background work, always a request in flight") {
      $0.arrival = .open(perSecond: 200)
      $0.calls = [("payments", 0)]
      $0.background = [.random(perSecond: 20, callee: "registry")]
    },
    PropagationScenario("background work with the service that requests need too") {
      $0.calls = [("payments", 0)]
      $0.background = [.random(perSecond: 20, callee: "payments")]
    },
    PropagationScenario("regular work and regular requests") {
      $0.arrival = .periodic(milliseconds: 100)
      $0.background = [.periodic(milliseconds: 150, jitter: 3, callee: "registry")]
    },
    PropagationScenario("regular work that drifts slowly through regular requests") {
      $0.arrival = .periodic(milliseconds: 100)
      $0.background = [.periodic(milliseconds: 101, jitter: 0, callee: "registry")]
    },
    PropagationScenario("regular work by the same clock as the requests") {
      $0.arrival = .periodic(milliseconds: 100)
      $0.background = [.periodic(milliseconds: 100, jitter: 0, callee: "registry")]
    },
    PropagationScenario("jobs that call hundreds of times at once") {
      $0.arrival = .open(perSecond: 10)
      $0.background = [.bursts(everySeconds: 10, calls: 200, apart: 1, callee: "registry")]
    },
    PropagationScenario("jobs that call one after another") {
      $0.arrival = .open(perSecond: 10)
      $0.background = [.bursts(everySeconds: 3, calls: 20, apart: 20, callee: "registry")]
    },
    PropagationScenario("work after each answer") {
      $0.arrival = .open(perSecond: 10)
      $0.calls = [("payments", 0)]
      $0.background = [.afterAnswer(milliseconds: 0.5...30, callee: "audit")]
    },
    PropagationScenario("work after each answer, in sessions") {
      $0.arrival = .sessions(requests: 20, pause: 5...60, between: 30_000)
      $0.background = [.afterAnswer(milliseconds: 0.5...30, callee: "audit")]
    },
    PropagationScenario("work after each answer that always meets the next request") {
      $0.arrival = .closed(clients: 1, pause: 1...3)
      $0.background = [.afterAnswer(milliseconds: 3...9, callee: "audit")]
    },
    PropagationScenario("work after each answer, four clients that ask again at once") {
      $0.arrival = .closed(clients: 4, pause: 1...5)
      $0.background = [.afterAnswer(milliseconds: 5...12, callee: "audit")]
    },
    PropagationScenario("a tenth of the requests is sampled, background work all") {
      $0.inboundSampling = 0.1
      $0.calls = [("payments", 0)]
      $0.background = [.random(perSecond: 20, callee: "payments")]
    },
    PropagationScenario("a tenth of everything is sampled") {
      $0.inboundSampling = 0.1
      $0.rootSampling = 0.1
      $0.calls = [("payments", 0)]
      $0.background = [.random(perSecond: 50, callee: "payments")]
    },
    PropagationScenario("spans are lost and late") {
      $0.lost = 0.2
      $0.delay = 0...5_000
      $0.calls = [("payments", 0)]
      $0.background = [.random(perSecond: 20, callee: "registry")]
    },
    PropagationScenario("the proxy restarts") {
      $0.restartEvery = 20
      $0.calls = [("payments", 0)]
      $0.background = [.random(perSecond: 20, callee: "registry")]
    },
    PropagationScenario("three machines with different clocks") {
      $0.instances = 3
      $0.skew = 5_000
      $0.arrival = .open(perSecond: 60)
      $0.calls = [("payments", 0)]
      $0.background = [.random(perSecond: 10, callee: "registry")]
    },
    PropagationScenario("a gateway, whose requests do not pass its proxy") {
      $0.isGateway = true
      $0.calls = [("payments", 0)]
    },
    PropagationScenario("calls at its start") {
      $0.calls = [("payments", 0)]
      $0.background = [.atStart(calls: 300, callee: "registry")]
    },
    PropagationScenario("retries") {
      $0.calls = [("payments", 0)]
      $0.retries = 0.3
    },
    PropagationScenario("long polls and background work") {
      $0.longShare = 0.02
      $0.calls = [("payments", 0)]
      $0.background = [.random(perSecond: 20, callee: "registry")]
    },
    PropagationScenario("requests and background work come in the same waves") {
      $0.arrival = .waves(perSecond: 40, seconds: 5)
      $0.background = [.waves(perSecond: 30, seconds: 5, callee: "registry")]
    },
    PropagationScenario("and in waves of half a second") {
      $0.arrival = .waves(perSecond: 40, seconds: 0.5)
      $0.background = [.waves(perSecond: 30, seconds: 0.5, callee: "registry")]
    },
  ]

  /// Services that break a part of their traces, and with how many requests that has to be found. A tenth of the calls
  /// with many requests in flight takes more than 10,000.
  static let broken: [(scenario: PropagationScenario, within: Int)] =
    [
      breaks("few requests", [100, 200, 600]) { $0.arrival = .open(perSecond: 2) },
      breaks("some requests", [600, 800, 3_000]) { $0.arrival = .open(perSecond: 20) },
      breaks("a caller that waits", [400, 500, 1_500]) { $0.arrival = .closed(clients: 1, pause: 20...60) },
      breaks("sessions", [400, 500, 1_500]) {
        $0.arrival = .sessions(requests: 20, pause: 5...60, between: 30_000)
      },
      breaks("always several in flight, three machines", [5_000, 7_000]) {
        $0.arrival = .open(perSecond: 300)
        $0.instances = 3
        $0.skew = 3_000
      },
      breaks("half of everything is sampled", [800, 1_000, 5_000]) {
        $0.inboundSampling = 0.5
        $0.rootSampling = 0.5
      },
      breaks("background work with the same service", [800, 1_500, 8_000]) {
        $0.background = [.random(perSecond: 5, callee: "payments")]
      },
      breaks("spans are lost and late", [800, 1_200, 4_000]) {
        $0.lost = 0.2
        $0.delay = 0...5_000
      },
      breaks("the request's id is forwarded", [100, 100, 200]) { $0.keepsRequestID = true },
    ].flatMap { $0 }

  private static func breaks(
    _ description: String, _ within: [Int], _ change: (inout PropagationSimulation) -> Void
  ) -> [(PropagationScenario, Int)] {
    zip([1, 0.5, 0.1], within).map { share, within in
      let scenario = PropagationScenario("\(description), \(Int(share * 100)) % broken") {
        $0.calls = [("payments", share), ("stock", 0)]
        change(&$0)
      }
      return (scenario, within)
    }
  }
}
