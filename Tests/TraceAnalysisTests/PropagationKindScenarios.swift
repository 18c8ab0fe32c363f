@testable import TraceAnalysis

/// Services with one flaw each, and services that look alike and have none or another one.
extension PropagationScenario {
  /// A scenario with callees that report.
  private static func kind(
    _ description: String, _ flaw: PropagationFlaw? = nil, _ change: (inout PropagationSimulation) -> Void = { _ in }
  ) -> PropagationScenario {
    PropagationScenario(description) {
      $0.requests = 500
      $0.calls = [("payments", 0), ("stock", 0)]
      $0.calleesReport = true
      $0.flaw = flaw
      change(&$0)
    }
  }

  /// With each scenario the kinds that have to be found at one of the services at least, within 500 requests. No others may be.
  static let kinds: [(scenario: PropagationScenario, kind: PropagationKind)] = [
    (kind("headers not copied", .headersNotCopied) { $0.arrival = .open(perSecond: 4) }, .headersNotCopied),
    (
      kind("headers not copied, not even the request's id, since a deploy") {
        $0.arrival = .open(perSecond: 60)
        $0.flaw = .headersNotCopied
        $0.flawFrom = 3_000
      }, .headersNotCopied
    ),
    (
      kind("headers not copied by one of three instances") {
        $0.arrival = .open(perSecond: 100)
        $0.instances = 3
        $0.skew = 2_000
        $0.flaw = .headersNotCopied
        $0.flawInstances = [1]
      }, .headersNotCopied
    ),
    (
      kind("headers not copied by calls with a body", .headersNotCopiedWithBody) {
        $0.arrival = .open(perSecond: 4)
        $0.sizes = 100...9_000
      }, .headersNotCopied
    ),
    (
      kind("headers not copied by half of the calls, whatever their size", .headersNotCopied) {
        $0.arrival = .open(perSecond: 4)
        $0.sizes = 0...9_000
        $0.flawShare = 0.5
      }, .headersNotCopied
    ),
    (kind("span id replaced", .spanIDReplaced), .spanIDReplaced),
    (kind("span id replaced, ids not shared", .spanIDReplaced) { $0.sharesIDs = false }, .spanIDReplaced),
    (
      kind("span id replaced in half of the requests, spans are lost and late", .spanIDReplaced) {
        $0.flawShare = 0.5
        $0.lost = 0.1
        $0.delay = 0...5_000
      }, .spanIDReplaced
    ),
    (
      kind("new trace above a size", .newTraceAbove(6_000)) {
        $0.arrival = .open(perSecond: 4)
        $0.sizes = 1...9_000
      }, .newTraceAboveSize
    ),
    (
      kind("new trace above a size of the request", .newTraceAboveRequest(6_000)) {
        $0.arrival = .open(perSecond: 4)
        $0.sizes = 1...9_000
      }, .newTraceAboveSize
    ),
    (kind("headers doubled", .headerDoubled), .headerDoubled),
    (kind("headers doubled in a tenth of the requests", .headerDoubled) { $0.flawShare = 0.1 }, .headerDoubled),
    (kind("b3 flattened, ids shared", .b3Flattened), .b3Flattened),
    (kind("b3 flattened, ids not shared", .b3Flattened) { $0.sharesIDs = false }, .b3Flattened),
    (
      kind("b3 flattened since a deploy of one instance of two", .b3Flattened) {
        $0.instances = 2
        $0.flawInstances = [0]
        $0.flawFrom = 5_000
      }, .b3Flattened
    ),
    (kind("sampled flag turned for nine tenths", .sampledFlagTurned) { $0.flawShare = 0.9 }, .sampledFlagTurned),
    (kind("request id replaced", .requestIDReplaced), .requestIDReplaced),
    (
      kind("request id replaced in a fifth of the requests", .requestIDReplaced) {
        $0.flawShare = 0.2
        $0.lost = 0.2
      }, .requestIDReplaced
    ),
    (
      kind("the callee's proxy falls silent") { $0.calleesSilentFrom = 10_000 }, .proxySilent
    ),
    (
      kind("half of the callee's proxies fall silent") {
        $0.calleesSilentFrom = 5_000
        $0.calleesAfterwards = 0.4
      }, .proxySilent
    ),
    (kind("calls after the answer", .detached(1...200)), .detachedWork),
    (kind("calls after the answer, of the request's id only", .detachedWithIDOnly(1...200)), .detachedWork),
  ]

  /// Services without a flaw, whose spans are not as complete as they should be.
  static let fine: [PropagationScenario] = [
    kind("all reported"),
    kind("spans are lost and late") {
      $0.lost = 0.2
      $0.delay = 0...5_000
    },
    kind("spans are lost, ids not shared, two calls for each") {
      $0.lost = 0.2
      $0.sharesIDs = false
      $0.retries = 0.5
      $0.length = 60...90
    },
    kind("the proxies restart") { $0.restartEvery = 8 },
    kind("the application's tracer reports late") { $0.tracerDelay = 0...6_000 },
    kind("a tenth is sampled") { $0.inboundSampling = 0.1 },
    kind("background work beside") { $0.background = [.random(perSecond: 20, callee: "payments")] },
    kind("a gateway") { $0.isGateway = true },
    kind("three machines with different clocks") {
      $0.instances = 3
      $0.skew = 5_000
    },
    kind("retries and long polls") {
      $0.retries = 0.3
      $0.length = 60...90
      $0.longShare = 0.02
    },
    kind("sizes of all kinds") { $0.sizes = 0...100_000 },
    kind("work after each answer") {
      $0.arrival = .open(perSecond: 10)
      $0.background = [.afterAnswer(milliseconds: 0.5...30, callee: "audit")]
    },
  ]
}
