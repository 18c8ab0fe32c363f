import AsyncHTTPClient
import Foundation
import MeshModel
import MeshTestSupport
import NIOCore
import NIOHTTP1
import ProcessSupervisor
import Synchronization
import Testing

/// What the running control plane does when its disk is full or fails and when it may open no more files: 503 with the cause while
/// it lasts, nothing lost that was acknowledged, and service again by itself.
@Suite("Troubles of the stores", .fewAtATime, .serialized, .timeLimit(.minutes(60))) struct StoreTroubleTests {
  /// A control plane whose work directory is a disk of its own, which no other process sees.
  private static func withDisk(
    megabytes: Int, _ body: (ControlPlaneProcess, Disk, Ledger) async throws -> Void
  ) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "trouble-\(UUID().uuidString)")
    let disk = home.appending(path: "cp")
    try FileManager.default.createDirectory(at: disk, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    let path = disk.path(percentEncoded: false)
    // The shell mounts the disk and becomes the program. The disk is gone with the last process that sees it.
    let script = "mount -t tmpfs -o size=\(megabytes)m,mode=0700 tmpfs '\(path)' && exec \"$0\" \"$@\""
    let controlPlane = try ControlPlaneProcess(
      home: home, launcher: ["unshare", "--mount", "--propagation", "private", "sh", "-c", script])
    do {
      try await controlPlane.start()
      let pid = try #require(controlPlane.pid)
      try await body(controlPlane, Disk(path: path, pid: pid), Ledger(controlPlane))
    } catch {
      await controlPlane.stop()
      throw error
    }
    await controlPlane.stop()
  }

  /// The disk of a control plane.
  private struct Disk {
    let path: String
    let pid: Int32

    /// Takes all room that is left.
    func fill() async throws { try await run("cat /dev/zero >filler 2>/dev/null || true") }
    /// Gives it back.
    func free() async throws { try await run("rm -f filler") }

    private func run(_ script: String) async throws {
      let errors = Lines()
      let status = try await ChildProcess.start(
        ChildProcess.Command(
          "nsenter", ["--mount", "--target", "\(pid)", "sh", "-c", "cd '\(path)' && \(script)"], output: .discard,
          errors: .lines(errors.append))
      ).exitStatus()
      try #require(status.isSuccess, "\(errors.tail())")
    }
  }

  /// What was sent and acknowledged.
  private final class Ledger: Sendable {
    private struct State {
      var last = 0
      var meshes: [String] = []
      var traces: [Int] = []
    }

    private let state = Mutex(State())
    private let controlPlane: ControlPlaneProcess

    init(_ controlPlane: ControlPlaneProcess) { self.controlPlane = controlPlane }

    private func next() -> Int {
      state.withLock { state in
        state.last += 1
        return state.last
      }
    }

    /// Creates a mesh with a description that takes room.
    func put() async throws -> HTTPProbe.Answer? {
      let name = "m\(next())"
      let filler = String(repeating: "x", count: 20_000)
      let answer = try await HTTPProbe.put(
        port: controlPlane.ports.api, "/meshes/\(name)",
        #"{"type":"Mesh","name":"\#(name)","labels":{"a":"\#(name)"},"constraints":{"note":"\#(filler)"}}"#)
      if answer?.status == 201 { state.withLock { $0.meshes.append(name) } }
      return answer
    }

    /// Sends a trace with a tag that takes room.
    func post() async throws -> HTTPProbe.Answer? {
      let id = next()
      let answer = try await HTTPProbe.post(port: controlPlane.ports.collector, "/api/v2/spans", Self.span(id))
      if answer?.status == 202 { state.withLock { $0.traces.append(id) } }
      return answer
    }

    static func span(_ id: Int) -> String {
      // Letters that do not repeat, so that they take room in every form.
      var generator = SeededGenerator(seed: UInt64(id))
      let filler = (0..<5_000).map { _ in String(generator.next(), radix: 36) }.joined()
      let now = UInt64(Date().timeIntervalSince1970 * 1_000_000)
      return
        #"[{"traceId":"\#(String(id, radix: 16))","id":"1","name":"get","localEndpoint":{"serviceName":"a"},"#
        + #""timestamp":\#(now),"duration":5,"tags":{"note":"\#(filler)"}}]"#
    }

    /// How much was acknowledged.
    var counts: (meshes: Int, traces: Int) { state.withLock { ($0.meshes.count, $0.traces.count) } }

    /// Everything that was acknowledged is there, and once.
    func expectAll() async throws {
      let (meshes, traces) = state.withLock { ($0.meshes, $0.traces) }
      let stored =
        try await controlPlane.get("/meshes?size=1000")["items"]?.array?.compactMap { $0["name"]?.string } ?? []
      #expect(stored.count == Set(stored).count)
      #expect(Set(meshes).subtracting(stored) == [])
      for trace in traces {
        let answer = try #require(
          try await HTTPProbe.get(
            port: controlPlane.ports.collector, "/api/v2/trace/\(String(trace, radix: 16))"))
        #expect(answer.status == 200, "trace \(trace)")
        #expect(try DocumentValue(json: answer.body).array?.count == 1, "trace \(trace)")
      }
    }
  }

  /// What `/ready` and the collector's `/health` answer.
  private static func health(_ controlPlane: ControlPlaneProcess) async throws -> [HTTPProbe.Answer] {
    [
      try #require(try await HTTPProbe.get(port: controlPlane.ports.diagnostics, "/ready")),
      try #require(try await HTTPProbe.get(port: controlPlane.ports.collector, "/health")),
    ]
  }

  /// Waits for service after a trouble, and says how long it took.
  ///
  /// - Parameter isIdle: whether nobody writes, so that the probes alone notice that the trouble is over.
  private static func expectRecovery(
    _ controlPlane: ControlPlaneProcess, _ ledger: Ledger, after trouble: String, isIdle: Bool = false
  ) async throws {
    let start = ContinuousClock.now
    func waitForHealth() async throws {
      try await eventually("the health of both servers") {
        try await health(controlPlane).allSatisfy { $0.status == 200 }
      }
      print("after \(trouble), \(isIdle ? "idle" : "with writes"): ready after \(ContinuousClock.now - start)")
    }
    if isIdle { try await waitForHealth() }
    try await eventually("a written mesh") { try await ledger.put()?.status == 201 }
    try await eventually("a stored trace") { try await ledger.post()?.status == 202 }
    print("after \(trouble): writes again after \(ContinuousClock.now - start)")
    if !isIdle { try await waitForHealth() }
    for content in ["resources", "spans"] {
      #expect(
        controlPlane.log.all.contains { $0.contains("\(content) are stored again") }, "\(controlPlane.log.tail())")
    }
  }

  @Test("a full disk is named by 503, keeps what was acknowledged, and ends nothing", .inNetworkNamespaces)
  func fullDisk() async throws {
    try await Self.withDisk(megabytes: 12) { controlPlane, disk, ledger in
      for _ in 0..<5 {
        #expect(try await ledger.put()?.status == 201)
        #expect(try await ledger.post()?.status == 202)
      }
      for round in 1...2 {
        try await disk.fill()
        // The logs of the databases have room of their own until they have to grow.
        for (answer, file) in try await Self.refusals(of: ledger) {
          #expect(answer.status == 503, "round \(round): \(answer.text)")
          #expect(
            answer.text.contains(file) && answer.text.contains("the disk is full"), "round \(round): \(answer.text)")
        }
        let told = try await Self.health(controlPlane)
        #expect(told.map(\.status) == [503, 503])
        #expect(told[0].text.contains("the disk is full"))
        // What is known can still be read.
        #expect(try await HTTPProbe.get(port: controlPlane.ports.api, "/meshes/m1")?.status == 200)
        try await ledger.expectAll()
        try await disk.free()
        try await Self.expectRecovery(controlPlane, ledger, after: "a full disk", isIdle: round == 2)
      }
      try await ledger.expectAll()
      #expect(ledger.counts.meshes >= 7 && ledger.counts.traces >= 7)
    }
  }

  private static let hasStrace = ["/usr/bin", "/usr/local/bin", "/bin"].contains {
    FileManager.default.isExecutableFile(atPath: "\($0)/strace")
  }

  @Test(
    "a disk that fails is named by 503, and what was acknowledged is there afterwards",
    .enabled(if: hasStrace, "needs strace, which Scripts/setup installs"),
    arguments: ["pwrite64,fdatasync,fsync", "fdatasync,fsync"])
  func failingDisk(calls: String) async throws {
    try await Self.with { controlPlane, ledger in
      for _ in 0..<5 {
        #expect(try await ledger.put()?.status == 201)
        #expect(try await ledger.post()?.status == 202)
      }
      let folder = controlPlane.home.appending(path: "cp").path(percentEncoded: false)
      let files = ["kuma.db", "traces.db"].flatMap { ["\(folder)/\($0)", "\(folder)/\($0)-wal"] }
      let pid = try #require(controlPlane.pid)
      let said = Lines()
      // The tracer makes the kernel's answers to writes of these files those of a disk that fails.
      let tracer = try ChildProcess.start(
        ChildProcess.Command(
          "strace",
          ["-f", "-qq", "-o", "/dev/null", "-p", "\(pid)"] + files.flatMap { ["-P", $0] } + [
            "-e", "trace=\(calls)", "-e", "inject=\(calls):error=EIO",
          ], output: .discard, errors: .lines(said.append)))
      for (answer, file) in try await Self.refusals(of: ledger) {
        #expect(answer.status == 503, "\(answer.text)")
        #expect(
          answer.text.contains(file) && answer.text.contains("the disk reported an error"),
          "\(answer.text)\n\(said.tail())")
      }
      #expect(try await Self.health(controlPlane).map(\.status) == [503, 503])
      for _ in 0..<20 {
        #expect(try await ledger.put()?.status == 503)
        #expect(try await ledger.post()?.status == 503)
      }
      try await ledger.expectAll()
      _ = await tracer.terminate(grace: .seconds(10))
      try await Self.expectRecovery(controlPlane, ledger, after: "a disk that failed \(calls)", isIdle: true)
      try await ledger.expectAll()
      // What a start finds on the disk is the same.
      await controlPlane.kill()
      try await controlPlane.start()
      try await ledger.expectAll()
    }
  }

  private static func with(_ body: (ControlPlaneProcess, Ledger) async throws -> Void) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "trouble-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    let controlPlane = try ControlPlaneProcess(home: home)
    do {
      try await controlPlane.start()
      try await body(controlPlane, Ledger(controlPlane))
    } catch {
      await controlPlane.stop()
      throw error
    }
    await controlPlane.stop()
  }

  @Test(
    "without descriptors nobody new is answered, nothing acknowledged is lost, and who waited is answered afterwards")
  func noDescriptors() async throws {
    try await Self.with { controlPlane, ledger in
      #expect(try await ledger.put()?.status == 201)
      #expect(try await ledger.post()?.status == 202)
      let pid = try #require(controlPlane.pid)
      let client = HTTPClient(eventLoopGroupProvider: .singleton)
      func kept(
        _ method: String, _ port: Int, _ path: String, _ body: String, timeout: TimeAmount = .seconds(20)
      ) async throws -> Int {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = .init(rawValue: method)
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: body))
        let answer = try await client.execute(request, timeout: timeout)
        _ = try await answer.body.collect(upTo: 1 << 20)
        return Int(answer.status.code)
      }
      func putKept(_ name: String, timeout: TimeAmount = .seconds(20)) async throws -> Int {
        try await kept(
          "PUT", controlPlane.ports.api, "/meshes/\(name)", #"{"type":"Mesh","name":"\#(name)"}"#, timeout: timeout)
      }
      func postKept(_ id: Int) async throws -> Int {
        try await kept("POST", controlPlane.ports.collector, "/api/v2/spans", Ledger.span(id))
      }
      do {
        #expect(try await putKept("kept-1") == 201)
        #expect(try await postKept(1_001) == 202)
        // From now on few descriptors are left, which the program keeps for itself.
        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
        try await Self.limitDescriptors(of: pid, to: "\(open + 32):")
        let newcomers = (0..<3).map { _ in Task { try await ledger.put() } }
        var answered: [String] = []
        // Whoever is connected is answered; a client that opens another connection waits as the others do.
        for number in 2...20 {
          guard let status = try? await putKept("kept-\(number)", timeout: .seconds(2)) else { break }
          #expect(status == 201 || status == 503)
          if status == 201 { answered.append("kept-\(number)") }
        }
        try await eventually("a request that nobody takes") {
          try await HTTPProbe.get(port: controlPlane.ports.diagnostics, "/ready", timeout: .milliseconds(500)) == nil
        }
        #expect(controlPlane.log.all.count < 200, "who waits for descriptors does not fill the log")
        try await Self.limitDescriptors(of: pid, to: "1024:")
        // Who came meanwhile waited in the kernel's queue, and is answered.
        for newcomer in newcomers { #expect(try await newcomer.value?.status == 201) }
        try await eventually("the health of both servers") {
          let ready = try await HTTPProbe.get(port: controlPlane.ports.diagnostics, "/ready")
          let health = try await HTTPProbe.get(port: controlPlane.ports.collector, "/health")
          return ready?.status == 200 && health?.status == 200
        }
        #expect(try await postKept(1_003) == 202)
        let stored =
          try await controlPlane.get("/meshes?size=1000")["items"]?.array?.compactMap { $0["name"]?.string } ?? []
        #expect(Set(answered).subtracting(stored) == [])
        try await ledger.expectAll()
      } catch {
        try? await client.shutdown()
        throw error
      }
      try await client.shutdown()
    }
  }

  /// The first answers that refuse a mesh and a span, each with the file that cannot be written.
  private static func refusals(of ledger: Ledger) async throws -> [(HTTPProbe.Answer, String)] {
    let mesh = try await eventually("a refused mesh") {
      let answer = try #require(try await ledger.put())
      return answer.status == 201 ? nil : answer
    }
    let span = try await eventually("a refused span") {
      let answer = try #require(try await ledger.post())
      return answer.status == 202 ? nil : answer
    }
    return [(mesh, "kuma.db"), (span, "traces.db")]
  }

  private static func limitDescriptors(of pid: Int32, to limit: String) async throws {
    let errors = Lines()
    let status = try await ChildProcess.start(
      ChildProcess.Command(
        "prlimit", ["--pid", "\(pid)", "--nofile=\(limit)"], environment: Programs.environment, output: .discard,
        errors: .lines(errors.append))
    ).exitStatus()
    try #require(status.isSuccess, "\(errors.tail())")
  }
}
