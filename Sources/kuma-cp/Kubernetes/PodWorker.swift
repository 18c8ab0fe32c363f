import Documents
import EnvoyInspection
import KubernetesAPI
import MeshKubernetes
import MeshModel
import MeshStore
import MeshStoreKubernetes
import OrderedCollections

/// Does what ``PodPlan`` asks for, with requests to the API server and to Envoys.
struct PodWorker: Sendable {
  let client: KubernetesClient
  let store: KubernetesStore
  let administration: EnvoyAdministrationClient

  /// The name under which the API server keeps who set the annotations of Services.
  private static let fieldManager = "kuma-cp-pods"

  /// Does some work, and says what came of it.
  func perform(_ work: PodPlan.Work) async -> PodPlan.Event {
    do {
      if case .lookUpOwner(let query) = work { return .found(query, try await workload(query)) }
      try await finish(work)
      return .done(work)
    } catch let error as StoreError {
      return .failed(work, error.message, isRefused: error.isRefusal)
    } catch let error as KubernetesError {
      return .failed(work, error.message, isRefused: error.isRefusal)
    } catch {
      return .failed(work, "\(error)", isRefused: false)
    }
  }

  private func finish(_ work: PodPlan.Work) async throws {
    switch work {
    case .write(let write):
      let pod = PodIdentity(namespace: write.pod.namespace, name: write.pod.name, uid: write.podUID)
      _ = try await store.put(write.dataplane, mesh: write.mesh, of: pod)
    case .delete(let deletion): try await delete(deletion)
    case .quit(let pod, let address, let port):
      try await administration.quit("\(pod.name).\(pod.namespace)", address: address, port: port)
    case .annotate(let service, let annotations):
      let values = annotations.map { ($0.key, DocumentValue.string($0.value)) }
      let change: DocumentValue = [
        "metadata": ["annotations": .object(DocumentValue.Object(values) { first, _ in first })]
      ]
      do {
        _ = try await client.patch(
          .service, namespace: service.namespace, name: service.name, .merge(change), fieldManager: Self.fieldManager)
      } catch {
        guard error.code == .notFound else { throw error }
      }
    case .lookUpOwner: break
    }
  }

  /// Deletes a Dataplane, and not one that was made since under its name.
  private func delete(_ deletion: PodPlan.DataplaneDeletion) async throws {
    let object = store.dataplaneObject(namespace: deletion.name.namespace, name: deletion.name.name)
    guard let object, deletion.uid.isEmpty || object.uid == deletion.uid, let revision = UInt64(object.resourceVersion)
    else { return }
    do {
      try await store.delete(
        ResourceKey(type: .dataplane, mesh: deletion.mesh, name: deletion.name.dataplane), if: .revision(revision))
    } catch {
      // The garbage collector was faster.
      guard error.code == .notFound else { throw error }
    }
  }

  private func workload(_ query: OwnerQuery) async throws(KubernetesError) -> Workload {
    let kind: KubernetesKind = query.kind == "Job" ? .job : .replicaSet
    let object = try await client.find(kind, namespace: query.object.namespace, name: query.object.name)
    // Without one it went before its pods; they are the next to go.
    return object.map(query.workload) ?? Workload(kind: query.kind, name: query.object.name)
  }
}

extension KubernetesError {
  /// Whether the API server is there and does not take the request.
  fileprivate var isRefusal: Bool { [.invalid, .forbidden, .kindNotServed].contains(code) }
}

extension StoreError {
  /// Whether the store is there and does not take the write.
  fileprivate var isRefusal: Bool {
    if let cause = cause as? KubernetesError { return cause.isRefusal }
    return code != .unavailable
  }
}
