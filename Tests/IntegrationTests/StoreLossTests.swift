import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

/// What the running control plane says when its files are gone or cannot grow, and when its clock leaps.
@Suite("Stores of the running control plane", .fewAtATime, .timeLimit(.minutes(60))) struct StoreLossTests {
  private static let mesh = #"{"type":"Mesh","name":"shop"}"#

  private static func span(_ id: Int) -> String {
    #"[{"traceId":"\#(id)","id":"1","name":"get /","localEndpoint":{"serviceName":"a"},"timestamp":1790812800000000}]"#
  }

  private func put(_ controlPlane: ControlPlaneProcess) async throws -> HTTPProbe.Answer {
    try #require(try await HTTPProbe.put(port: controlPlane.ports.api, "/meshes/shop", Self.mesh))
  }

  private func post(_ id: Int, _ controlPlane: ControlPlaneProcess) async throws -> HTTPProbe.Answer {
    try #require(try await HTTPProbe.post(port: controlPlane.ports.collector, "/api/v2/spans", Self.span(id)))
  }

  /// What `/ready` and the collector's `/health` answer.
  private func health(_ controlPlane: ControlPlaneProcess) async throws -> [HTTPProbe.Answer] {
    [
      try #require(try await HTTPProbe.get(port: controlPlane.ports.diagnostics, "/ready")),
      try #require(try await HTTPProbe.get(port: controlPlane.ports.collector, "/health")),
    ]
  }

  @Test("a folder that is deleted is told by every answer, by the health of both servers and by the log")
  func folderDeleted() async throws {
    try await ControlPlaneProcess.run { controlPlane in
      #expect(try await put(controlPlane).status == 201)
      #expect(try await post(1, controlPlane).status == 202)
      #expect(try await health(controlPlane).map(\.status) == [200, 200])
      try FileManager.default.removeItem(at: controlPlane.home.appending(path: "cp"))

      let told = try await health(controlPlane)
      #expect(told.map(\.status) == [503, 503])
      for file in ["kuma.db", "traces.db"] { #expect(told[0].text.contains("\(file) was deleted while it was open")) }
      #expect(told[1].text.contains("traces.db was deleted while it was open"))
      let refused = try await put(controlPlane)
      #expect(refused.status == 503)
      #expect(refused.text.contains("kuma.db was deleted while it was open"))
      #expect(try await post(2, controlPlane).status == 503)
      // What is known can still be read.
      #expect(try await HTTPProbe.get(port: controlPlane.ports.api, "/meshes/shop")?.status == 200)
      #expect(try await HTTPProbe.get(port: controlPlane.ports.collector, "/api/v2/trace/1")?.status == 200)
      for content in ["resources", "spans"] {
        #expect(controlPlane.log.all.count { $0.contains("\(content) cannot be stored") } == 1)
      }
    }
  }

  @Test("files that may not grow are told, end nothing, and are written again when they may")
  func noRoom() async throws {
    try await ControlPlaneProcess.run { controlPlane in
      #expect(try await put(controlPlane).status == 201)
      #expect(try await post(1, controlPlane).status == 202)
      let pid = try #require(controlPlane.pid)
      // The kernel then refuses to let a file of the process grow, as it does where a disk or a quota is full.
      try await Self.limitFiles(of: pid, to: "1:")
      #expect(try await put(controlPlane).status == 503)
      #expect(try await post(2, controlPlane).status == 503)
      let told = try await health(controlPlane)
      #expect(told.map(\.status) == [503, 503])
      for file in ["kuma.db", "traces.db"] { #expect(told[0].text.contains("\(file) cannot be written")) }

      try await Self.limitFiles(of: pid, to: "unlimited:")
      #expect(try await put(controlPlane).status == 200)
      #expect(try await post(2, controlPlane).status == 202)
      #expect(try await health(controlPlane).map(\.status) == [200, 200])
    }
  }

  /// Sets the largest size of files of a process; a colon behind it leaves the limit of the limit alone.
  private static func limitFiles(of pid: Int32, to limit: String) async throws {
    let errors = Lines()
    let status = try await ChildProcess.start(
      ChildProcess.Command(
        "prlimit", ["--pid", "\(pid)", "--fsize=\(limit)"], environment: Programs.environment, output: .discard,
        errors: .lines(errors.append))
    ).exitStatus()
    try #require(status.isSuccess, "\(errors.tail())")
  }

  @Test("a clock that leaps a year ahead and comes back leaves no time in the future, and removes no span")
  func clock() async throws {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? []
    let libraries = folders.map { "/usr/lib/\($0)/faketime/libfaketime.so.1" }
    let library = try #require(
      libraries.first(where: FileManager.default.fileExists),
      "install Debian's package faketime (Scripts/setup does)")
    let file = FileManager.default.temporaryDirectory.appending(path: "clock-\(UUID().uuidString)")
    func leap(_ text: String) throws { try Data("\(text)\n".utf8).write(to: file) }
    try leap("+0")
    defer { try? FileManager.default.removeItem(at: file) }
    let settings = [
      "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": file.path(percentEncoded: false), "FAKETIME_NO_CACHE": "1",
      "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    ]
    // The library sets a variable when it is loaded first, and where that has happened Swift finds no arguments; so a shell
    // is the first, and becomes the program.
    let launcher = ["sh", "-c", "exec \"$0\" \"$@\""]
    try await ControlPlaneProcess.run(settings: settings, launcher: launcher) { controlPlane in
      func year() async throws -> Int {
        _ = try await put(controlPlane)
        let time = try #require(try await controlPlane.get("/meshes/shop")["modificationTime"]?.string)
        return try #require(Int(time.prefix(4)))
      }
      func retentionRuns() async throws -> Int {
        let page = try #require(try await HTTPProbe.get(port: controlPlane.ports.diagnostics, "/metrics")?.text)
        let line = page.split(separator: "\n").first { $0.hasPrefix("kuma_collector_retention_runs_total") }
        return try #require(line?.split(separator: " ").last.flatMap { Int($0) })
      }
      let present = try await year()
      #expect(try await post(1, controlPlane).status == 202)
      for ahead in [2, 0] {
        try leap("+\(ahead)y")
        #expect(try await year() == present + ahead)
        let runs = try await retentionRuns()
        try await eventually("retention's look by this clock") {
          try await retentionRuns() > runs + 1
        }
      }
      #expect(try await HTTPProbe.get(port: controlPlane.ports.collector, "/api/v2/trace/1")?.status == 200)
    }
  }
}
