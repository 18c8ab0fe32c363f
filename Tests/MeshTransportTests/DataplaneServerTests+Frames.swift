import EnvoyAPI
import MeshTestSupport
import MeshXDS
import NIOCore
import SwiftProtobuf
import Testing

@testable import HTTPService
@testable import MeshTransport

/// A flood of frames, each of which the protocol allows.
struct FrameFlood: Sendable, CustomTestStringConvertible {
  let refusal: FrameRefusal
  /// What is sent after the settings; a few more frames than may be.
  let frames: @Sendable () throws -> [ByteBuffer]
  var testDescription: String { refusal.rawValue }

  init(_ refusal: FrameRefusal, _ frames: @escaping @Sendable () throws -> [ByteBuffer]) {
    self.refusal = refusal
    self.frames = frames
  }

  static let all: [FrameFlood] = {
    @Sendable func many(_ allowance: Allowance, _ frame: ByteBuffer) -> [ByteBuffer] {
      // More than a minute gives, so that a busy machine does not matter.
      [ByteBuffer](repeating: frame, count: allowance.burst + 5 + Int(allowance.perSecond * 60))
    }
    let ping = ByteBuffer(repeating: 0, count: 8)
    return [
      FrameFlood(.resets) {
        try (0..<UInt32(FrameLimits.resets.burst + 65)).flatMap { number in
          let stream = number * 2 + 1
          return [
            try FrameConnection.open(stream), FrameConnection.frame(.reset, stream: stream, FrameConnection.number(8)),
          ]
        }
      },
      FrameFlood(.pings) { many(FrameLimits.pings, FrameConnection.frame(.ping, ping)) },
      FrameFlood(.answers) { many(FrameLimits.answers, FrameConnection.frame(.ping, flags: 1, ping)) },
      FrameFlood(.settings) { many(FrameLimits.settings, FrameConnection.frame(.settings)) },
      FrameFlood(.priorities) {
        many(FrameLimits.priorities, FrameConnection.frame(.priority, stream: 1, ByteBuffer(repeating: 0, count: 5)))
      },
      FrameFlood(.windowUpdates) {
        many(FrameLimits.windowUpdates, FrameConnection.frame(.windowUpdate, FrameConnection.number(1)))
      },
      FrameFlood(.extensions) {
        many(FrameLimits.extensions, FrameConnection.frame(.init(rawValue: 0xBE), ByteBuffer(string: "x")))
      },
      FrameFlood(.emptyData) {
        [try FrameConnection.open(1)]
          + [ByteBuffer](repeating: FrameConnection.frame(.data, stream: 1), count: FrameLimits.emptyData + 1)
      },
      FrameFlood(.continuations) {
        [FrameConnection.frame(.headers, stream: 1, try FrameConnection.headers())]
          + [ByteBuffer](
            repeating: FrameConnection.frame(.continuation, stream: 1), count: FrameLimits.continuations + 1)
      },
      FrameFlood(.headerBlock) {
        let part = ByteBuffer(repeating: 0, count: FrameLimits.headerBlockBytes / 2 + 1)
        return [
          FrameConnection.frame(.headers, stream: 1, part), FrameConnection.frame(.continuation, stream: 1, part),
        ]
      },
    ]
  }()
}

/// Frames that cost more than they do, over real connections.
extension DataplaneServerTests {
  /// A connection whose proxy has its clusters.
  private func proxy(_ port: Int) async throws -> FrameConnection {
    let connection = try await FrameConnection(port: port)
    connection.send([
      FrameConnection.frame(.settings, flags: 1), try FrameConnection.open(1),
      FrameConnection.message(try clusters("p").serializedBytes(), stream: 1),
    ])
    try await eventually("its clusters") { connection.frames.contains { $0.head.kind == .data } }
    return connection
  }

  @Test("A flood of frames ends its connection with a sentence, and nobody else's", arguments: FrameFlood.all)
  func flood(_ flood: FrameFlood) async throws {
    cache.set(snapshot("one"), for: "p")
    try await run(try server()) { port, server in
      let other = try await proxy(port)
      let attacker = try await FrameConnection(port: port)
      attacker.send(try flood.frames())
      try await eventually("the end of the connection") { attacker.isClosed }
      let farewell = try #require(attacker.farewell)
      #expect(farewell.code == 0xB && farewell.text == flood.refusal.sentence)
      #expect(server.frames[flood.refusal] == 1)
      #expect(FrameRefusal.allCases.allSatisfy { $0 == flood.refusal || server.frames[$0] == 0 })
      // The other connection has what it had, and gets what is new.
      let before = other.frames.count
      cache.set(snapshot("two"), for: "q")
      #expect(!other.isClosed && other.frames.count == before)
      let next = try await proxy(port)
      #expect(!next.isClosed)
      try await eventually("its streams to end") { server.streamCount == 2 }
      other.close()
      next.close()
    }
  }

  @Test("Streams that the server has to end, one after the other, end their connection with a sentence")
  func streamErrors() async throws {
    try await run(try server()) { port, server in
      let attacker = try await FrameConnection(port: port)
      let allowed = DataplaneServer.Limits().streamsPerConnection
      let numbers = (0..<allowed + FrameLimits.streamErrors.burst + 65).map { UInt32($0) * 2 + 1 }
      attacker.send(try numbers.prefix(allowed).map(FrameConnection.open))
      for stream in numbers.dropFirst(allowed) where !attacker.isClosed {
        attacker.send(try FrameConnection.open(stream))
        try await eventually("the end of the stream") {
          attacker.isClosed || attacker.frames.contains { $0.head.kind == .reset && $0.head.stream == stream }
        }
      }
      try await eventually("the end of the connection") { attacker.isClosed }
      let farewell = try #require(attacker.farewell)
      #expect(farewell.code == 0xB && farewell.text == FrameRefusal.streamErrors.sentence)
      #expect(server.frames[.streamErrors] == 1)
    }
  }

  @Test("A connection without a request gives way to a new one, and one with a request does not")
  func replacement() async throws {
    cache.set(snapshot("one"), for: "p")
    try await run(try server(connections: 2)) { port, server in
      let first = try await proxy(port)
      let idle = try await FrameConnection(port: port)
      try await eventually("its settings") { !idle.frames.isEmpty }
      let second = try await proxy(port)
      try await eventually("the end of the idle connection") { idle.isClosed }
      let third = try await FrameConnection(port: port)
      try await eventually("the end of a connection too many") { third.isClosed }
      let farewell = try #require(third.farewell)
      #expect(third.frames.first?.head.kind == .settings && farewell.code == 0xB && farewell.stream == 0)
      #expect(farewell.text == "The server is receiving too many requests; send the request again later.")
      #expect(!first.isClosed && !second.isClosed)
      #expect(server.service.counts[.madeRoom] == 1 && server.service.counts[.full] == 1)
      first.close()
      second.close()
    }
  }

  @Test("Streams beyond the limit are refused one by one before a client knows it, and end the connection afterwards")
  func streamLimit() async throws {
    cache.set(snapshot("one"), for: "p")
    let limit = UInt32(DataplaneServer.Limits().streamsPerConnection)
    try await run(try server()) { port, server in
      let connection = try await FrameConnection(port: port)
      connection.send(try (0..<limit + 3).map { try FrameConnection.open($0 * 2 + 1) })
      func resets() -> [FrameConnection.Frame] { connection.frames.filter { $0.head.kind == .reset } }
      try await eventually("three refused streams") { resets().count == 3 }
      // REFUSED_STREAM: the client may try again (RFC 9113, section 8.7).
      #expect(resets().allSatisfy { $0.payload == [0, 0, 0, 7] })
      #expect(resets().map(\.head.stream) == (limit..<limit + 3).map { $0 * 2 + 1 })
      #expect(server.frames[.refusedStream] == 3 && !connection.isClosed)
      // SETTINGS tell the limit (parameter 3; RFC 9113, section 6.5.2).
      let settings = try #require(connection.frames.first { $0.head.kind == .settings })
      #expect(settings.payload.ranges(of: [0, 3, 0, 0, 0, UInt8(limit)]).count == 1)
      // A stream that ends gives room for another one.
      connection.send([
        FrameConnection.frame(.reset, stream: 3, FrameConnection.number(8)), try FrameConnection.open(101),
        FrameConnection.message(try clusters("p").serializedBytes(), stream: 101),
      ])
      try await eventually("an answer") {
        connection.frames.contains { $0.head.kind == .data && $0.head.stream == 101 }
      }
      connection.send([FrameConnection.frame(.settings, flags: 1), try FrameConnection.open(103)])
      try await eventually("the end of the connection") { connection.isClosed }
      #expect(connection.farewell?.text == FrameRefusal.streams.sentence && server.frames[.streams] == 1)
    }
  }

  @Test("A connection that breaks the protocol is told so before it is closed")
  func violation() async throws {
    try await run(try server()) { port, server in
      for (frame, code) in [
        // DATA of a stream that nobody opened, and a frame that is too large.
        (FrameConnection.frame(.data, stream: 0, ByteBuffer(string: "x")), UInt32(1)),
        (FrameConnection.frame(.data, stream: 1, ByteBuffer(repeating: 0, count: 20_000)), 6),
      ] {
        let connection = try await FrameConnection(port: port)
        connection.send(frame)
        try await eventually("the end of the connection") { connection.isClosed }
        let farewell = try #require(connection.farewell)
        #expect(farewell.code == code && farewell.text == FrameRefusal.sentence(ofCode: code))
      }
      #expect(server.frames[.violation] == 2)
    }
  }
}
