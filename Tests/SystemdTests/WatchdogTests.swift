import Synchronization
import TestSupport
import Testing

@testable import Systemd

@Suite("Signs of life")
struct WatchdogTests {
  @Test("come at half of the interval while every part answers")
  func well() {
    var plan = WatchdogPlan(interval: .seconds(60), parts: ["a", "b"])
    #expect(plan.period == .seconds(15))
    var signs: [Int] = []
    for tick in 0..<9 {
      for action in plan.tick(at: .seconds(tick * 15)) {
        switch action {
        case .ask(let index): plan.answered(index)
        case .tellAlive: signs.append(tick * 15)
        default: Issue.record("\(action)")
        }
      }
    }
    #expect(signs == [30, 60, 90, 120])
  }

  @Test("stop while a part does not answer, which is reported once, and come back with its answer")
  func silent() {
    var plan = WatchdogPlan(interval: .seconds(40), parts: ["a", "b"])
    #expect(plan.tick(at: .zero) == [.ask(0), .ask(1)])
    plan.answered(0)
    #expect(plan.tick(at: .seconds(10)) == [.reportSilent(["b"]), .ask(0)])
    plan.answered(0)
    // Half of the interval is over, and later all of it.
    for time in [20, 30, 40, 50] {
      #expect(plan.tick(at: .seconds(time)) == [.ask(0)], "\(time)")
      plan.answered(0)
    }
    plan.answered(1)
    #expect(plan.tick(at: .seconds(60)) == [.reportWell, .tellAlive, .ask(0), .ask(1)])
    plan.answered(1)
    #expect(plan.tick(at: .seconds(70)) == [.reportSilent(["a"]), .ask(1)])
    // The other one, too.
    #expect(plan.tick(at: .seconds(80)) == [.reportSilent(["a", "b"])])
    plan.answered(0)
    #expect(plan.tick(at: .seconds(90)) == [.ask(0)])
  }

  @Test("go on while the process ends, whatever the parts do")
  func ending() {
    var plan = WatchdogPlan(interval: .seconds(40), parts: ["a"])
    _ = plan.tick(at: .zero)
    #expect(plan.tick(at: .seconds(10)) == [.reportSilent(["a"])])
    plan.askNobody()
    plan.answered(0)
    #expect(plan.tick(at: .seconds(20)) == [.tellAlive])
  }

  @Test("reach the service manager, and stop there while a part waits")
  func real() async throws {
    let folder = try TemporaryFolder()
    let socket = try NotificationSocket(folder.file("notify"))
    let manager = ServiceManager(environment: ["NOTIFY_SOCKET": socket.address])
    let held = Mutex<(isHolding: Bool, answers: [@Sendable () -> Void])>((false, []))
    let reports = Mutex<[Watchdog.Report]>([])
    let part = Watchdog.Part("store") { answer in
      let isHeld = held.withLock { held in
        if held.isHolding { held.answers.append(answer) }
        return held.isHolding
      }
      if !isHeld { answer() }
    }
    let watchdog = Watchdog(manager, interval: .milliseconds(200), parts: [.task("tasks") {}, part]) { report in
      reports.withLock { $0.append(report) }
    }
    watchdog.start()
    for _ in 0..<3 { try await eventually("a sign of life") { socket.next() == "WATCHDOG=1" } }
    held.withLock { $0.isHolding = true }
    // On a busy machine the tasks may be late too, and are named beside it.
    try await eventually("the report") {
      reports.withLock { reports in
        reports.contains { report in
          guard case .silent(let names) = report else { return false }
          return names.contains("store")
        }
      }
    }
    while socket.next() != nil {}
    // The part has one question at a time, however long it waits.
    try await eventually("questions to tasks alone") { held.withLock { $0.answers.count } == 1 }
    #expect(socket.next() == nil)
    let answers = held.withLock { held in
      held.isHolding = false
      return held.answers
    }
    for answer in answers { answer() }
    try await eventually("the good report") { reports.withLock { $0.contains(.well) } }
    try await eventually("a sign of life again") { socket.next() == "WATCHDOG=1" }
    withExtendedLifetime(watchdog) {}
  }
}
