import MeshStore
import MeshTestSupport
import Synchronization
import Testing

@testable import MeshStoreKubernetes

extension KubernetesStoreTests {
  /// What a cluster cannot do: the revision is the object's version, both times are those of its creation by the API server's
  /// clock, labels have rules, and a policy has its name for all meshes.
  static var traits: StoreContract.Traits {
    var traits = StoreContract.Traits()
    traits.countsRevisions = false
    traits.keepsTimes = false
    traits.takesAnyLabels = false
    traits.repeatsNames = false
    return traits
  }

  @Test("the contract of every store", arguments: StoreContract.all(for: traits))
  func contract(_ contract: StoreContract) async throws {
    let cluster = try await Cluster.empty()
    let opened = Mutex<RunningStore?>(nil)
    let result: Result<Void, any Error>
    do {
      result = .success(
        try await contract.run(traits: Self.traits) { _ in
          let running = try await RunningStore.loaded(cluster.client)
          opened.withLock { $0 = running }
          return running.store
        })
    } catch { result = .failure(error) }
    await opened.withLock { $0 }?.close()
    try result.get()
  }
}
