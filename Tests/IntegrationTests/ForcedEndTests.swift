import Foundation
import MeshTestSupport
import ProcessSupervisor
import Synchronization
import Testing

/// The end of a control plane whose request does not end: another program keeps the store's file locked.
@Suite("An end that takes too long", .heavy, .serialized, .timeLimit(.minutes(60)))
struct ForcedEndTests {
  /// Runs a control plane with a request that waits for the store, and that nobody can cancel.
  ///
  /// - Returns: the status with which the request was answered; `nil` if it was not.
  private static func withRequestInHand(
    settings: [String: String] = [:], _ body: (ControlPlaneProcess, ChildProcess) async throws -> Void
  ) async throws -> Int? {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let controlPlane = try ControlPlaneProcess(home: folder.url, settings: settings)
    let process = try controlPlane.launch()
    try await eventually("the control plane's readiness") { try await controlPlane.isReady }
    let store = folder.url.appending(path: "cp/kuma.db").path(percentEncoded: false)
    let said = Lines()
    let lock = """
      import signal, sqlite3, sys
      connection = sqlite3.connect(sys.argv[1], isolation_level=None)
      connection.execute("BEGIN IMMEDIATE")
      print("locked", flush=True)
      signal.pause()
      """
    let locker = try ChildProcess.start(
      ChildProcess.Command("python3", ["-c", lock, store], output: .lines(said.append), errors: .lines(said.append)))
    do {
      try await eventually("the lock") { said.all == ["locked"] }
      let request = try await Self.requestInHand(of: controlPlane)
      try await body(controlPlane, process)
      // Nothing says that it was done: it has no answer, or the store gave it up in the last second.
      let status = try await request.value?.status
      #expect(status == nil || status == 503)
      _ = await locker.terminate(grace: .zero)
      return status
    } catch {
      _ = await locker.terminate(grace: .zero)
      await controlPlane.kill()
      throw error
    }
  }

  /// Ends such a control plane by signals. On a busy machine the store may give the request up before they come; then the program has to
  /// end in order, and it is tried again.
  private static func withForcedEnd(
    settings: [String: String] = [:], _ signals: (ChildProcess) async throws -> ProcessSupervisor.ExitStatus,
    check: (ControlPlaneProcess, ProcessSupervisor.ExitStatus) throws -> Void
  ) async throws {
    for _ in 1...5 {
      var isInOrder = false
      let answer = try await withRequestInHand(settings: settings) { controlPlane, process in
        let status = try await signals(process)
        isInOrder = status == .exited(0)
        if !isInOrder { try check(controlPlane, status) }
      }
      guard isInOrder else { return }
      try #require(answer == 503, "the program ended in order while its request had no answer")
    }
    Issue.record("the store gave the request up each time")
  }

  /// How many of the requests are over.
  private final class AnswerCount: Sendable {
    private let count = Mutex(0)
    var number: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
  }

  /// A request that the control plane has begun. One that was given up before it was seen is sent again: the store waits for a
  /// locked file for some seconds only.
  private static func requestInHand(of controlPlane: ControlPlaneProcess) async throws -> Task<
    HTTPProbe.Answer?, any Error
  > {
    let answers = AnswerCount()
    var sent = 0
    var request = Task<HTTPProbe.Answer?, any Error> { nil }
    try await eventually("the request") {
      if answers.number == sent {
        sent += 1
        request = Task {
          defer { answers.add() }
          return try await HTTPProbe.put(port: controlPlane.ports.api, "/meshes/m", #"{"type": "Mesh", "name": "m"}"#)
        }
      }
      let page = try #require(try await HTTPProbe.get(port: controlPlane.ports.diagnostics, "/metrics")).text
      return page.contains(/\nkuma_request_budget_bytes{budget="api"} [1-9]/)
    }
    return request
  }

  /// The line about what was open.
  private static func farewell(of controlPlane: ControlPlaneProcess) throws -> String {
    let lines = controlPlane.log.all.filter { $0.contains("the program ends at once") }
    #expect(lines.count == 1, "\(controlPlane.log.tail())")
    return try #require(lines.first)
  }

  @Test("is forced after general.shutdownTimeout, and the log says what was open")
  func timeout() async throws {
    try await Self.withForcedEnd(settings: ["KUMA_GENERAL_SHUTDOWN_TIMEOUT": "1s"]) { process in
      process.signal(.terminate)
      return await process.exitStatus()
    } check: { controlPlane, status in
      #expect(status == .exited(1))
      let line = try Self.farewell(of: controlPlane)
      #expect(line.contains("it has not ended within 1 s, general.shutdownTimeout"), "\(line)")
      #expect(line.contains("open=") && !line.contains("open= "), "\(line)")
    }
  }

  @Test("is forced by a second signal at once")
  func secondSignal() async throws {
    try await Self.withForcedEnd { process in
      // Signals soon after the first one are not a second request.
      try await eventually("the end") {
        process.signal(.terminate)
        return process.currentExitStatus
      }
    } check: { controlPlane, status in
      #expect(status == .exited(128 + SIGTERM))
      let line = try Self.farewell(of: controlPlane)
      #expect(line.contains("it was asked to end again"), "\(line)")
    }
  }
}
