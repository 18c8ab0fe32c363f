import HTTPTypes
import Logging
import MeshTestSupport
import NIOCore
import NIOHPACK
import NIOHTTP2
import Testing

@testable import HTTPService

@Suite("Calls over gRPC", .timeLimit(.minutes(15)))
struct CallTests: HTTPServerTesting {
  private let frames = FrameCounts()

  private func serving(
    _ service: RequestService, body: @escaping @Sendable (Int) async throws -> Void
  ) async throws {
    let calls = UnaryCalls(
      methods: [
        CallClient.path: .init(path: "/echo", contentType: "application/x-test"),
        "/test.Service/Wait": .init(path: "/wait", contentType: "application/x-test"),
      ], advice: "call Method", counts: frames, logger: service.logger)
    try await serving(service, http2: calls.setup(service), body: body)
  }

  /// A service that answers with the request's head and body.
  private func echo(_ change: (inout RequestService) -> Void = { _ in }) -> RequestService {
    var service = service()
    // As the servers for spans, which go by any name.
    service.callers.checksHost = { _ in false }
    service.responder = { request, body, caller in
      let fields = request.headerFields.map { "\($0.name.rawName.lowercased()): \($0.value)" }.sorted()
      let head = "\(request.method) \(request.authority ?? "") \(request.path ?? "") \(caller.name)"
      return .text(([head] + fields + [String(decoding: body, as: UTF8.self)]).joined(separator: "\n"))
    }
    change(&service)
    return service
  }

  @Test("a call becomes a request with its metadata, and the answer the message of a call that ends well")
  func request() async throws {
    let service = echo()
    try await serving(service) { port in
      let client = try await CallClient(port: port)
      let end = try await client.call("spans", ["x-mesh": "a", "grpc-timeout": "10S", "user-agent": "test/1"])
      #expect(end[":status"] == "200" && end["content-type"] == "application/grpc")
      #expect(end["grpc-accept-encoding"] == "identity,deflate,gzip")
      #expect(
        end.message == """
          POST anything /echo \n\
          content-type: application/x-test
          user-agent: test/1
          x-mesh: a
          spans
          """)
      #expect(end["grpc-status"] == "0" && end["grpc-message"] == nil && end.reset == nil)
      // What is compressed stays so, and says how.
      let packed = try await client.call("gz", flag: 1, ["grpc-encoding": "gzip"])
      #expect(packed.message?.contains("content-encoding: gzip\n") == true)
      // A client that may compress and does not.
      let plain = try await client.call("", ["grpc-encoding": "gzip"])
      #expect(plain.message?.contains("content-encoding") == false && plain["grpc-status"] == "0")
      client.close()
    }
    #expect(service.bodies.usage.bytes == 0 && service.heads.usage.bytes == 0)
    #expect(service.bodies.usage.peak > 0 && service.heads.usage.peak > 0)
  }

  @Test("requests over HTTP/1.1 are served on the same port")
  func overHTTP1() async throws {
    try await serving(echo()) { port in
      let answer = try await exchange(port, post("abc"))
      #expect(answer.hasSuffix("\nabc"))
    }
  }

  @Test("what is wrong has a status of gRPC and a sentence, and other calls of the connection go on")
  func refusals() async throws {
    let service = echo {
      $0.access = OnlyWithToken()
      $0.bodies = ByteBudget("bodies", limit: 2_000)
    }
    try await serving(service) { port in
      let client = try await CallClient(port: port)
      let token: HPACKHeaders = ["authorization": "Bearer t"]
      func expect(
        _ end: CallEnd, _ status: Int, _ words: String, location: SourceLocation = #_sourceLocation
      ) {
        #expect(end[":status"] == "200" && end["grpc-status"] == "\(status)", sourceLocation: location)
        #expect(end["grpc-message"]?.contains(words) == true, "\(end)", sourceLocation: location)
        #expect(end.reset == nil || end.reset == .noError, sourceLocation: location)
      }
      expect(
        try await client.call("a", path: "/test.Service/Other"), 12, #"no method "/test.Service/Other" here; call M"#)
      expect(try await client.call("a"), 16, "show a token")
      expect(try await client.call("a", token + ["grpc-encoding": "snappy"]), 12, "identity, gzip or deflate")
      expect(try await client.call("a", flag: 1, token), 3, "grpc-encoding")
      expect(try await client.call("a", flag: 2, token), 3, "first byte of the message is 2")
      expect(try await client.call(String(repeating: "a", count: 1_001), token), 8, "larger than 1000 bytes")
      expect(try await client.call("a", token + ["origin": "http://b.example"]), 7, "may not use this server")
      // Only the head of a message that is much too large has to come.
      let large = try await client.begin(CallClient.path, token)
      large.send(ByteBuffer(bytes: [0, 0xFF, 0xFF, 0xFF, 0xFF]), ends: false)
      let refused = try await large.end
      expect(refused, 8, "larger than 1000 bytes")
      #expect(refused.reset == .noError)
      let empty = try await client.begin(CallClient.path, token)
      empty.send(ByteBuffer())
      expect(try await empty.end, 3, "no message")
      let half = try await client.begin(CallClient.path, token)
      half.send(ByteBuffer(bytes: [0, 0, 0, 0, 9, 1]))
      expect(try await half.end, 3, "in the middle of its message")
      let two = try await client.begin(CallClient.path, token)
      two.send(ByteBuffer(bytes: [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]))
      expect(try await two.end, 3, "more than its one message")
      // Two that are on their way take the budget of the third.
      let others = [try await client.begin(CallClient.path, token), try await client.begin(CallClient.path, token)]
      for call in others { call.send(Self.part(of: 1_000, 990), ends: false) }
      try await eventually { service.bodies.usage.bytes == 1_980 }
      let third = try await client.call(String(repeating: "a", count: 100), token)
      expect(third, 14, "too many requests")
      // RetryInfo with one second, in a google.rpc.Status (14).
      #expect(third["grpc-status-details-bin"]?.hasPrefix("CA4S") == true)
      #expect(third["google.rpc.retryinfo-bin"] == "CgIIAQ==")
      for call in others {
        call.send(ByteBuffer(string: String(repeating: "b", count: 10)))
        #expect(try await call.end["grpc-status"] == "0")
      }
      // A request that is no call has an answer of HTTP.
      let wrong = try await client.begin("/", type: "application/json")
      wrong.send(ByteBuffer(string: "{}"))
      let answer = try await wrong.end
      #expect(answer[":status"] == "415" && String(buffer: answer.bytes).contains("application/grpc"))
      #expect(try await client.call("a", token)["grpc-status"] == "0")
      client.close()
    }
    #expect(service.bodies.usage.bytes == 0 && service.heads.usage.bytes == 0)
    #expect(service.counts[.access] == 1 && service.counts[.tooLarge] == 2 && service.counts[.overloaded] == 1)
  }

  private static func part(of length: UInt32, _ count: Int) -> ByteBuffer {
    var bytes = ByteBuffer()
    bytes.writeMultipleIntegers(UInt8(0), length)
    bytes.writeRepeatingByte(UInt8(ascii: "b"), count: count)
    return bytes
  }

  @Test("a connection may have any number of calls that are answered")
  func many() async throws {
    try await serving(echo()) { port in
      let client = try await CallClient(port: port)
      let count = 2 * FrameLimits.openings.burst
      for _ in 0..<count / 50 {
        try await withThrowingTaskGroup(of: String?.self) { group in
          for _ in 0..<50 { group.addTask { try await client.call("a")["grpc-status"] } }
          for try await status in group { #expect(status == "0") }
        }
      }
      client.close()
    }
    #expect(frames[.openings] == 0)
  }

  @Test("a message that does not arrive in time ends with a status")
  func late() async throws {
    let service = echo { $0.limits.interval = .milliseconds(50) }
    try await serving(service) { port in
      let client = try await CallClient(port: port)
      let call = try await client.begin()
      call.send(ByteBuffer(bytes: [0, 0]), ends: false)
      let end = try await call.end
      #expect(end["grpc-status"] == "4" && end["grpc-message"]?.contains("did not arrive in time") == true)
      client.close()
    }
    #expect(service.counts[.late] == 1)
  }

  @Test("a server that ends answers the calls that it has, and tells the client which ones it will not answer")
  func ending() async throws {
    let gate = Gate()
    var service = service(gate: gate)
    service.callers.checksHost = { _ in false }
    service.limits.lastRequest = .milliseconds(1)
    try await serving(service) { [service] port in
      let client = try await CallClient(port: port)
      let idle = try await CallClient(port: port)
      #expect(try await idle.call("a")["grpc-status"] == "0")
      let call = try await client.begin("/test.Service/Wait")
      call.send(CallClient.message("a"))
      try await eventually { service.running.count == 1 }
      service.beginEnding()
      // One without calls is ended, one with a call is not.
      try await idle.connection.closeFuture.get()
      #expect(client.connection.isActive)
      gate.open()
      #expect(try await call.end["grpc-status"] == "0")
      try await client.connection.closeFuture.get()
    }
  }
}

/// Lets those in who show a token.
private struct OnlyWithToken: RequestAccess {
  func decide(on request: HTTPRequest, from caller: Caller) -> AccessDecision {
    request.headerFields[.authorization] == "Bearer t"
      ? .allowed(caller) : .refused(.text("show a token\n", .unauthorized), reason: "no token")
  }
}

extension HPACKHeaders {
  fileprivate static func + (a: HPACKHeaders, b: HPACKHeaders) -> HPACKHeaders {
    var all = a
    all.add(contentsOf: b)
    return all
  }
}

@Suite("The end of a call")
struct CallStatusTests {
  @Test(
    "each status of HTTP has one of gRPC",
    arguments: [
      (200, 0), (202, 0), (400, 3), (401, 16), (403, 7), (404, 12), (405, 12), (408, 4), (413, 8), (415, 3), (429, 14),
      (431, 8), (500, 13), (501, 12), (503, 14),
    ])
  func codes(http: Int, grpc: Int) {
    let status = CallStatus(.text("why\nmore", HTTPResponse.Status(code: http)))
    #expect(status.code.rawValue == grpc)
    #expect(status.sentence == (grpc == 0 ? "" : "why"))
  }

  @Test("a sentence is percent-encoded, short, and from where the answer has it")
  func sentence() {
    #expect(CallStatus.escaped("100 % of \"é\"\n") == "100 %25 of \"%C3%A9\"%0A")
    var answer = Answer(.badRequest, type: "application/x-protobuf", body: [8, 3])
    answer.sentence = String(repeating: "é", count: 1_000)
    let status = CallStatus(answer)
    #expect(status.sentence.utf8.count <= 1_026 && status.sentence.hasSuffix("…"))
    #expect(status.sentence.hasPrefix("éé"))
  }

  @Test("when to try again is said only with what helps then")
  func retry() {
    var answer = Answer.text("wait", .serviceUnavailable)
    #expect(CallStatus(answer).retryAfter == nil)
    answer.fields[.retryAfter] = "7"
    #expect(CallStatus(answer).retryAfter == 7)
    answer.status = .contentTooLarge
    #expect(CallStatus(answer).retryAfter == nil)
  }
}
