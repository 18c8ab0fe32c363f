import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// What requests hold while they are read and stored.
@Suite struct RequestMemoryTests {
  /// Counts what is taken.
  private final class Memory: RequestMemory {
    private let state: Mutex<(bytes: Int, peak: Int)>
    let limit: Int
    var bytes: Int { state.withLock { $0.bytes } }
    var peak: Int { state.withLock { $0.peak } }

    init(limit: Int, taken: Int = 0) {
      self.limit = limit
      state = Mutex((taken, taken))
    }

    func reserve(_ count: Int) -> Bool {
      state.withLock { state in
        guard count <= limit - state.bytes else { return false }
        state.bytes += count
        state.peak = max(state.peak, state.bytes)
        return true
      }
    }
    func release(_ count: Int) { state.withLock { $0.bytes -= count } }
  }

  private static func spans(_ bytes: Int) -> [UInt8] {
    Array(#"[{"traceId":"1","id":"1","tags":{"text":"\#(String(repeating: "x", count: bytes))"}}]"#.utf8)
  }

  private func api(_ memory: Memory) throws -> (TestCollector, CollectorAPI) {
    let collector = try TestCollector()
    var settings = CollectorAPI.Settings()
    settings.memory = memory
    return (collector, CollectorAPI(store: collector.store, settings: settings))
  }

  @Test("a body holds four times what it is unpacked, and gives it back when it is answered")
  func held() async throws {
    let memory = Memory(limit: 1_000_000)
    let (collector, api) = try api(memory)
    defer { withExtendedLifetime(collector) {} }
    let body = Self.spans(60_000)
    #expect(await TestCollector.send(to: api, .post, "/api/v2/spans", body).status == 202)
    #expect(memory.peak == 4 * body.count && memory.bytes == 0)
    _ = await TestCollector.send(to: api, .post, "/api/v2/spans", Array("[nonsense".utf8) + Self.spans(60_000))
    #expect(memory.bytes == 0)
  }

  @Test(
    "where there is no room the newest is told to come again, small ones are taken, and the largest comes through alone"
  )
  func refused() async throws {
    let memory = Memory(limit: 200_000, taken: 100_000)
    let (collector, api) = try api(memory)
    defer { withExtendedLifetime(collector) {} }
    let reply = await TestCollector.send(to: api, .post, "/api/v2/spans", Self.spans(60_000))
    #expect(reply.status == 503 && reply.text == "spans arrive faster than they can be stored; send again later\n")
    #expect(await TestCollector.send(to: api, .post, "/api/v2/spans", Self.spans(100)).status == 202)
    memory.release(100_000)
    #expect(await TestCollector.send(to: api, .post, "/api/v2/spans", Self.spans(60_000)).status == 202)
    #expect(memory.peak == 200_000 && memory.bytes == 0)
  }
}
