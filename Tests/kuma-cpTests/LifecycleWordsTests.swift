import ServiceLifecycle
import Testing

@testable import kuma_cp

@Suite("What an operator reads of the program's life") struct LifecycleWordsTests {
  @Test(
    "the status counts proxies in the singular and the plural",
    arguments: [(0, "0 proxies are"), (1, "1 proxy is"), (2, "2 proxies are")])
  func proxies(count: Int, words: String) {
    #expect(Supervision.status(proxies: count) == "serves; \(words) connected")
  }

  @Test("a server that does not listen yet is named once as a server")
  func servers() {
    #expect(ServerName.notListening(ServerName.diagnostics) == "the diagnostics server does not listen yet")
    #expect(ServerName.notListening(ServerName.dataplane) == "the data plane server does not listen yet")
    #expect(ServerName.notListening(ServerName.api) == "the HTTP API does not listen yet")
  }

  @Test("what is open when the program ends is said in words, not with the names of types")
  func openServices() async throws {
    #expect(RunningServices.words("ServersTogether") == "requests to the servers")
    #expect(RunningServices.words("HTTPListener") == "HTTP listener")
    #expect(RunningServices.words("StatusWriter") == "status writer")
    #expect(RunningServices.words("Box<Other>") == "box")
    let running = RunningServices()
    let (closing, continuation) = AsyncStream<Void>.makeStream()
    let service = running.follow(ClosingService { for await _ in closing {} })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await service.run() }
      group.cancelAll()
      while running.list != ["writes to the stores"] { await Task.yield() }
      continuation.finish()
      try await group.waitForAll()
    }
    #expect(running.list.isEmpty)
  }
}
