import MeshModel
import MeshStore
import MeshTestSupport
import Testing

@Suite struct MemoryStoreTests {
  @Test("the contract of every store", arguments: StoreContract.all)
  func contract(_ contract: StoreContract) async throws {
    try await contract.run { MemoryStore(clock: $0) }
  }
}
