import AsyncHTTPClient
import Foundation
import MeshTestSupport
import NIOCore
import NIOHTTP1
import NIOPosix
import ProcessSupervisor
import Testing

/// `kuma-cp collector`: the collector as a program of its own.
@Suite("The collector alone", .fewAtATime, .timeLimit(.minutes(60)))
struct CollectorCommandTests {
  /// A running collector, started with flags, beside what it printed.
  private struct Running {
    let process: ChildProcess
    let log: Lines
  }

  private func start(_ arguments: [String], environment more: [String: String] = [:]) throws -> Running {
    let log = Lines()
    let process = try ChildProcess.start(
      ChildProcess.Command(
        Programs.path("kuma-cp"), ["collector"] + arguments,
        environment: Programs.environment.merging(more) { $1 }, output: .lines(log.append), errors: .lines(log.append)))
    return Running(process: process, log: log)
  }

  private func withFolder<Value>(_ body: (URL) async throws -> Value) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(path: "collector-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
  }

  private func waitUntilUp(_ running: Running, _ port: Int) async throws {
    try await eventually("the collector's health: \(running.log.tail())") {
      try await HTTPProbe.get(port: port, "/health")?.status == 200
    }
  }

  private func post(_ port: Int, _ path: String, _ json: String) async throws -> Int {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
    request.method = .POST
    request.headers.add(name: "content-type", value: "application/json")
    request.headers.add(name: "connection", value: "close")
    request.body = .bytes(ByteBuffer(string: json))
    return Int(try await HTTPClient.shared.execute(request, timeout: .seconds(20)).status.code)
  }

  @Test("it takes spans at both ports, ends in order and keeps them") func aloneAndAgain() async throws {
    try await withFolder { folder in
      let ports = try FreePort.take(2)
      let file = folder.appending(path: "own/spans.db").path(percentEncoded: false)
      let arguments = ["--zipkin-port", "\(ports[0])", "--otlp-port", "\(ports[1])", "--store-file", file]
      let first = try start(arguments, environment: ["KUMA_COLLECTOR_ALLOWED_ORIGINS": "http://a.example"])
      try await waitUntilUp(first, ports[0])
      #expect(try await post(ports[0], "/api/v2/spans", #"[{"traceId":"a","id":"1"}]"#) == 202)
      let otlp = #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0b","spanId":"01","name":"x"}]}]}]}"#
      #expect(try await post(ports[1], "/v1/traces", otlp) == 200)
      #expect(try await HTTPProbe.get(port: ports[1], "/api/v2/services")?.status == 404)
      let status = await first.process.terminate(grace: .seconds(60))
      #expect(status.isSuccess, "\(first.log.tail())")
      #expect(first.log.all.contains { $0.contains("stopped") })

      let second = try start(arguments + ["--no-otlp"])
      try await waitUntilUp(second, ports[0])
      for id in ["a", "b"] { #expect(try await HTTPProbe.get(port: ports[0], "/api/v2/trace/\(id)")?.status == 200) }
      #expect(try await HTTPProbe.get(port: ports[1], "/v1/traces") == nil)
      _ = await second.process.terminate(grace: .seconds(60))
    }
  }

  @Test("a log that cannot be written ends nothing", arguments: ["text", "json"]) func fullLog(_ format: String)
    async throws
  {
    try await withFolder { folder in
      let ports = try FreePort.take(1)
      let process = try ChildProcess.start(
        ChildProcess.Command(
          Programs.path("kuma-cp"),
          [
            "collector", "--work-dir", folder.path(percentEncoded: false), "--zipkin-port", "\(ports[0])", "--no-otlp",
            "--log-format", format,
          ],
          environment: Programs.environment, output: .discard, errors: .file("/dev/full")))
      try await eventually("the collector's health") {
        try await HTTPProbe.get(port: ports[0], "/health")?.status == 200
      }
      #expect(await process.terminate(grace: .seconds(60)).isSuccess)
    }
  }

  @Test("a taken port that was asked for is an error, and so is the wrong setting") func failures() async throws {
    try await withFolder { folder in
      let ports = try FreePort.take(1)
      let loops = MultiThreadedEventLoopGroup.singleton
      let taken = try await ServerBootstrap(group: loops).bind(host: "127.0.0.1", port: 0).get()
      let port = try #require(taken.localAddress?.port)
      let work = ["--work-dir", folder.path(percentEncoded: false), "--zipkin-port", "\(ports[0])"]
      let refused = try start(work + ["--otlp-port", "\(port)"])
      #expect(await refused.process.exitStatus().isSuccess == false)
      #expect(
        refused.log.tail().contains(
          "trace collector for OpenTelemetry cannot listen on 127.0.0.1:\(port): the port is taken"))
      try await taken.close().get()
      let wrong = try start(work + ["--max-age", "soon"])
      #expect(await wrong.process.exitStatus().isSuccess == false)
      #expect(wrong.log.tail().contains("--max-age: \"soon\" is not a valid duration"))
    }
  }

  @Test("a taken port that nobody asked for is a warning, and the program goes on") func goesOn() async throws {
    let loops = MultiThreadedEventLoopGroup.singleton
    // Another program may have it already, which is as good.
    let holder = try? await ServerBootstrap(group: loops).bind(host: "127.0.0.1", port: 4_318).get()
    try await withFolder { folder in
      let ports = try FreePort.take(1)
      let running = try start(["--work-dir", folder.path(percentEncoded: false), "--zipkin-port", "\(ports[0])"])
      try await waitUntilUp(running, ports[0])
      try await eventually("the warning") {
        running.log.all.contains {
          $0.contains("cannot listen on 127.0.0.1:4318: the port is taken")
            && $0.contains("The program continues without it")
        }
      }
      #expect(try await post(ports[0], "/v1/traces", "{}") == 200)
      #expect(await running.process.terminate(grace: .seconds(60)).isSuccess)
    }
    try await holder?.close().get()
  }
}
