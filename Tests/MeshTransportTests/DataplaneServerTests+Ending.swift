import Logging
import MeshTestSupport
import MeshXDS
import NIOCore
import NIOHPACK
import ServiceLifecycle
import SwiftProtobuf
import Testing

@testable import HTTPService
@testable import MeshTransport

/// How connections of HTTP/2 end with the server, frame by frame.
extension DataplaneServerTests {
  /// The header blocks of a stream, in their order.
  private static func headers(of connection: FrameConnection, stream: UInt32) throws -> [HPACKHeaders] {
    var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
    return try connection.frames.filter { $0.head.kind == .headers }.compactMap { frame in
      var block = ByteBuffer(bytes: frame.payload)
      let fields = try decoder.decodeHeaders(from: &block)
      return frame.head.stream == stream ? fields : nil
    }
  }

  @Test("A server that shuts down ends streams with a status, and connections with GOAWAY without an error")
  func farewell() async throws {
    cache.set(snapshot("one"), for: "p")
    // Nothing is closed by force.
    let (ports, server) = try server(shutdown: .seconds(3_600))
    let group = ServiceGroup(services: [server], logger: Logger(label: "test"))
    async let stopped: Void = group.run()
    let port = try #require(await ports.first { _ in true })
    let (busy, idle) = (try await FrameConnection(port: port), try await FrameConnection(port: port))
    busy.send([
      try FrameConnection.open(1), FrameConnection.message(try clusters("p").serializedBytes(), stream: 1),
    ])
    try await eventually("the configuration") {
      busy.frames.contains { $0.head.kind == .data && $0.payload.ranges(of: Array("one".utf8)).count == 1 }
    }
    try await eventually("the server's settings") { idle.frames.contains { $0.head.kind == .settings } }
    await group.triggerGracefulShutdown()
    try await eventually("the status") { try Self.headers(of: busy, stream: 1).count == 2 }
    // A stream is open until the client has ended its side, too.
    busy.send(FrameConnection.frame(.data, flags: 1, stream: 1))
    for connection in [busy, idle] {
      try await eventually("GOAWAY") { connection.farewell != nil }
      // The server asks whether its farewell has arrived, as streams may be on their way (RFC 9113, section 6.8).
      let question = try await eventually("PING") { connection.frames.last { $0.head.kind == .ping } }
      connection.send(FrameConnection.frame(.ping, flags: 1, ByteBuffer(bytes: question.payload)))
      try await eventually("the end") { connection.isClosed }
    }
    try await stopped
    for connection in [busy, idle] { #expect(connection.farewell?.code == 0) }
    #expect(busy.farewell?.stream == 1)
    // UNAVAILABLE, on which proxies connect again and keep what they have.
    let trailers = try #require(try Self.headers(of: busy, stream: 1).last)
    #expect(trailers.first(name: "grpc-status") == "14")
    #expect(recorder.events == ["open p", "sent", "close shutdown"])
  }

  @Test("A server that is cancelled ends, although a client goes on to open streams")
  func cancelled() async throws {
    let (ports, server) = try server(shutdown: .seconds(3_600))
    let running = Task { try await server.run() }
    let port = try #require(await ports.first { _ in true })
    let connection = try await FrameConnection(port: port)
    connection.send([try FrameConnection.open(1)])
    try await eventually("the stream") { server.streamCount == 1 }
    // One after the other, so that some come before the cancellation, some amid it, and some after it.
    var stream: UInt32 = 1
    try await eventually("the end") {
      stream += 2
      if stream == 7 { running.cancel() }
      if stream < 31 { connection.send([try FrameConnection.open(stream)]) }
      return connection.isClosed
    }
    _ = await running.result
    #expect(stream >= 7)
    #expect(server.streamCount == 0 && server.service.connections.count == 0)
  }
  /// The request may come before the server runs, while it makes its sockets, and after that.
  @Test("A server that is asked to end while it begins to listen ends without an error")
  func endWhileItBegins() async throws {
    for steps in 0..<100 {
      let server = try server().server
      let running = Task { try await server.run() }
      for _ in 0..<steps { await Task.yield() }
      running.cancel()
      try await running.value
    }
  }
}
