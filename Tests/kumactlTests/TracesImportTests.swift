import Foundation
import HTTPTypes
import LoopbackTestSupport
import MeshModel
import Synchronization
import Testing

/// The command around imports of traces; what is imported is tested with a collector in `TraceHTTPTests`.
@Suite("kumactl traces import") struct TracesImportTests {
  /// A Zipkin that answers each question with the same trace.
  private static let zipkin: LoopbackServer.Responder = { request, _ in
    let text =
      request.path == "/api/v2/services"
      ? #"["web"]"# : #"[[{"traceId":"a1","id":"1","localEndpoint":{"serviceName":"web"}}]]"#
    return (HTTPResponse(status: .ok), Array(text.utf8))
  }

  @Test("imports, goes on after a failure, and says what it did")
  func imports() async throws {
    let bodies = Mutex<[String]>([])
    let isBroken = Mutex(true)
    try await LoopbackServer.run(Self.zipkin) { from in
      try await LoopbackServer.run { request, body in
        bodies.withLock { $0.append(String(decoding: body, as: UTF8.self)) }
        if isBroken.withLock({ $0 }) { return (HTTPResponse(status: .internalServerError), Array("broken".utf8)) }
        return (HTTPResponse(status: .accepted), Array(#"{"stored":1,"rejected":[],"traceIds":["a1"]}"#.utf8))
      } _: { to in
        try await KumactlProcess.withHome { kumactl in
          let words = ["traces", "import", "--from", from, "--to", to, "--lookback", "2d", "-o", "json"]
          let failed = try await kumactl.run(words)
          #expect(failed.status == 1 && failed.output.isEmpty)
          #expect(failed.errors.contains("status 500: broken") && failed.errors.contains("run the same command again"))
          isBroken.withLock { $0 = false }
          let done = try await kumactl.run(words)
          #expect(done.status == 0, "\(done.errors)")
          let report = try DocumentValue(json: Array(done.output.utf8))
          #expect(report["type"] == "zipkin" && report["from"] == .string(from) && report["to"] == .string(to))
          #expect(report["traces"] == 1 && report["spans"] == 1 && report["refusedSpans"] == 0)
          // It is found in each period, and sent once.
          #expect(bodies.withLock { $0.count } == 2)
          #expect(
            bodies.withLock { $0.last } == #"[[{"traceId":"a1","id":"1","localEndpoint":{"serviceName":"web"}}]]"#)
          let again = try await kumactl("traces", "import", "--from", from, "--to", to, "--lookback", "3h")
          #expect(
            !again.errors.contains("going on") && again.output.hasPrefix("imported 1 traces with 1 spans from Zipkin"))
        }
      }
    }
  }

  @Test("keeps a file that is no state, also with --restart, and shows no password")
  func foreignFiles() async throws {
    try await LoopbackServer.run { request, _ in
      let text = request.path == "/receiver" ? #"{"product":"kuma-trace","instance":"i-1"}"# : "[]"
      return (HTTPResponse(status: .ok), Array(text.utf8))
    } _: { base in
      try await KumactlProcess.withHome { kumactl in
        try kumactl.write("my notes", to: "keep.txt")
        let refused = try await kumactl("traces", "import", "--from", base, "--restart", "--state-file", "keep.txt")
        #expect(refused.status == 1 && refused.errors.contains("keep.txt\" is not the state of an import"))
        #expect(try Data(contentsOf: kumactl.home.appending(path: "keep.txt")) == Data("my notes".utf8))
        let masked = try await kumactl("traces", "import", "--from", base.replacing("//", with: "//u:pw123@"))
        #expect(masked.errors.contains("is not an address") && !masked.errors.contains("pw123"), "\(masked.errors)")
        let itself = try await kumactl(
          "traces", "import", "--from", base, "--to", base.replacing("127.0.0.1", with: "localhost"))
        #expect(itself.status == 1 && itself.errors.contains("are the same collector"), "\(itself.errors)")
      }
    }
  }

  @Test(
    "refuses what it does not understand",
    arguments: [
      (["--from", "zipkin:9411"], "--from \"zipkin:9411\" is not an address such as http://zipkin:9411"),
      (
        ["--from", "http://127.0.0.1:1", "--from-header", "x=a\nb"],
        "--from-header: the value of \"x\" has a line break"
      ),
      (
        ["--from", "http://127.0.0.1:1", "--from-header", "x y=a"],
        "--from-header: \"x y\" cannot be the name of a header"
      ),
      (["--from", "http://127.0.0.1:1", "--lookback", "7x"], "--lookback \"7x\" is not a length of time"),
      (["--from", "http://127.0.0.1:1", "--type", "tempo"], "--type \"tempo\" is not known"),
      (["--from", "http://localhost:9411"], "--from and --to are the same"),
      (["--from", "http://127.0.0.1:1", "--to-token-file", "none"], "the token of --to-token-file cannot be read"),
      (["--from", "http://127.0.0.1:1", "--state-file", "/"], "\"/\" is a directory"),
      (["--from", "http://127.0.0.1:1"], "connection refused"),
    ])
  func refusals(words: [String], message: String) async throws {
    try await KumactlProcess.withHome { kumactl in
      let refused = try await kumactl.run(["traces", "import"] + words)
      #expect(refused.status == 1 && refused.output.isEmpty && refused.errors.contains(message), "\(refused.errors)")
    }
  }
}
