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
  ///   - name: only the object of this name; `nil` for all. A right on that name is enough then.
  ///   - type: only the Secrets of this type; `nil` for all.
  ///   - restart: called when the pages so far have to be dropped, because the API server has forgotten their version.
  ///   - page: called with each page.
  /// - Returns: the version of the list, for a watch to begin at.
  package func list(
    _ kind: KubernetesKind, namespace: String? = nil, name: String? = nil, type: String? = nil, pageSize: Int = 500,
    restart: () -> Void, page: ([KubernetesObject]) async -> Void
  ) async throws(KubernetesError) -> String {
    var continuation: String?
    var restarts = 0
    while true {
      // Without resourceVersion: a limit is ignored with resourceVersion=0.
      var query: [(name: String, value: String)] = []
      if restarts <= Self.restartLimit { query.append(("limit", String(pageSize))) }
      if let continuation { query.append(("continue", continuation)) }
      let list: Page
      do {
        list = try await self.page(of: kind, namespace: namespace, name: name, type: type, query)
      } catch {
        guard error.code == .expired, continuation != nil else { throw error }
        restarts += 1
        continuation = nil
        restart()
        continue
      }
      await page(list.items.compactMap { $0.object.map { KubernetesObject($0).completed(kind) } })
      if list.continuation.isEmpty { return list.version }
      continuation = list.continuation
    }
  }

  /// The newest version of the API server: the one that a list of the kind would have.
  package func newestVersion(
    of kind: KubernetesKind, namespace: String? = nil, name: String? = nil, type: String? = nil
  ) async throws(KubernetesError) -> String {
    try await page(of: kind, namespace: namespace, name: name, type: type, [("limit", "1")]).version
  }

  private struct Page {
    var items: [DocumentValue]
    var version: String
    /// Leads to the next page; empty on the last one.
    var continuation: String
  }

  private func page(
    of kind: KubernetesKind, namespace: String?, name: String?, type: String?, _ query: [(name: String, value: String)]
  ) async throws(KubernetesError) -> Page {
    let request = APIRequest(
      verb: "list", kind: kind, namespace: namespace, selectedName: name, selectedType: type, method: .GET,
      query: query,
      limit: Self.pageLimit,
      time: settings.listTime)
    let list = try document(try await send(request), of: request)
    let metadata = list["metadata"]
    guard let items = list["items"].map({ $0.array ?? [] }), let version = metadata?["resourceVersion"]?.string else {
      throw KubernetesError(
        code: .unreadable, message: "\(request.sentence(on: access.server)): the answer is not a list", status: 200)
    }
    return Page(items: items, version: version, continuation: metadata?["continue"]?.string ?? "")
  }

  /// All objects of a kind, with the version of the list.
  package func list(
    _ kind: KubernetesKind, namespace: String? = nil, name: String? = nil, pageSize: Int = 500
  ) async throws(KubernetesError) -> (objects: [KubernetesObject], resourceVersion: String) {
    var objects: [KubernetesObject] = []
    let version = try await list(kind, namespace: namespace, name: name, pageSize: pageSize) {
      objects.removeAll()
    } page: {
      objects += $0
    }
    return (objects, version)
  }
}
