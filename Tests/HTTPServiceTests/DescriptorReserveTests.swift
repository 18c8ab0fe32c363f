import MeshTestSupport
import NIOPosix
import Synchronization
import Testing

@testable import HTTPService

@Suite("The reserve of file descriptors", .timeLimit(.minutes(15)))
struct DescriptorReserveTests: HTTPServerTesting {
  @Test("connections wait while few descriptors are left, which is counted, and are served when there are more")
  func waiting() async throws {
    let service = service()
    let limit = SharedLimit()
    var server = HTTPServer(
      host: "127.0.0.1", port: 0, service: service, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    server.reserve.limit = { limit.value.load(ordering: .relaxed) }
    let (ports, listening) = AsyncStream<Int>.makeStream()
    server.onListening = { listening.yield($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [server] in try await server.run() }
      let port = try #require(await ports.first { _ in true })
      #expect(service.counts[.descriptors] == 0)
      #expect(try await exchange(port, get()).hasPrefix("HTTP/1.1 200 "))
      // As many as are open, or fewer: what is left is less than the reserve.
      limit.value.store(1, ordering: .relaxed)
      // The listener has looked before this one.
      #expect(try await exchange(port, get()).hasPrefix("HTTP/1.1 200 "))
      try await eventually { service.counts[.descriptors] == 1 }
      let waiting = try await RawConnection(port: port)
      waiting.send(get())
      #expect(!DescriptorReserve(limit: server.reserve.limit).isKept && waiting.text.isEmpty)
      limit.value.store(.max, ordering: .relaxed)
      try await eventually { waiting.isClosed }
      #expect(waiting.text.hasPrefix("HTTP/1.1 200 "))
      #expect(service.counts[.descriptors] == 1)
      group.cancelAll()
    }
  }

  @Test("is kept by this process, and not by one that may have no more than are open")
  func looking() {
    #expect(DescriptorReserve().isKept)
    #expect(!DescriptorReserve(limit: { 64 }).isKept)
  }
}

private final class SharedLimit: Sendable {
  let value = Atomic(Int.max)
}
