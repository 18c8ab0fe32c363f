import Documents
import NIOHTTP1
import OrderedCollections

extension KubernetesClient {
  /// How often a list begins anew because its pages have expired, before it is asked for in one piece.
  private static let restartLimit = 2

  /// Lists the objects of a kind in pages of one version.
  ///
  /// - Parameters:
  ///   - namespace: only the objects there; `nil` for all.
  ///   - restart: called when the pages so far have to be dropped, because the API server has forgotten their version.
  ///   - page: called with each page.
  /// - Returns: the version of the list, for a watch to begin at.
  package func list(
    _ kind: KubernetesKind, namespace: String? = nil, pageSize: Int = 500, restart: () -> Void,
    page: ([KubernetesObject]) -> Void
  ) async throws(KubernetesError) -> String {
    var continuation: String?
    var restarts = 0
    while true {
      var request = APIRequest(
        verb: "list", kind: kind, namespace: namespace, method: .GET, limit: Self.pageLimit, time: settings.listTime)
      // Without resourceVersion: a limit is ignored with resourceVersion=0.
      if restarts <= Self.restartLimit { request.query.append(("limit", String(pageSize))) }
      if let continuation { request.query.append(("continue", continuation)) }
      let list: DocumentValue.Object
      do {
        list = try document(try await send(request), of: request)
      } catch {
        guard error.code == .expired, continuation != nil else { throw error }
        restarts += 1
        continuation = nil
        restart()
        continue
      }
      let metadata = list["metadata"]
      guard let items = list["items"].map({ $0.array ?? [] }), let version = metadata?["resourceVersion"]?.string else {
        throw KubernetesError(
          code: .unreadable, message: "\(request.sentence(on: access.server)): the answer is not a list", status: 200)
      }
      page(items.compactMap { $0.object.map { KubernetesObject($0).completed(kind) } })
      let next = metadata?["continue"]?.string ?? ""
      if next.isEmpty { return version }
      continuation = next
    }
  }

  /// All objects of a kind, with the version of the list.
  package func list(
    _ kind: KubernetesKind, namespace: String? = nil, pageSize: Int = 500
  ) async throws(KubernetesError) -> (objects: [KubernetesObject], resourceVersion: String) {
    var objects: [KubernetesObject] = []
    let version = try await list(kind, namespace: namespace, pageSize: pageSize) {
      objects.removeAll()
    } page: {
      objects += $0
    }
    return (objects, version)
  }
}
