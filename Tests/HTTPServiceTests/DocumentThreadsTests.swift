import Glibc
import Testing

@testable import HTTPService

@Suite("Requests that bring documents") struct DocumentThreadsTests {
  /// The threads on which many requests with a body are answered.
  private func threads(body: [UInt8]) async -> Set<UInt> {
    await withTaskGroup(of: UInt.self) { group in
      for _ in 0..<64 {
        group.addTask {
          await DocumentThreads.answer(body, for: .machine) { _ in
            await Task.yield()
            return Self.thread()
          }
        }
      }
      return await group.reduce(into: []) { $0.insert($1) }
    }
  }

  private static func thread() -> UInt { UInt(pthread_self()) }

  @Test("are answered on two threads of their own, others on those that all share")
  func own() async {
    let withDocuments = await threads(body: [1])
    let others = await threads(body: [])
    #expect(withDocuments.count <= 2)
    #expect(withDocuments.isDisjoint(with: others))
  }
}
