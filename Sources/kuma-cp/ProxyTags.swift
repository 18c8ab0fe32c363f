import MeshControl
import MeshModel
import MeshPolicy

/// Reads the tags of proxies for the analysis of traces, which knows proxies by their nodes only.
enum ProxyTags {
  /// The tags with one value, of each proxy that has a Dataplane.
  static func read(of nodes: [String], from reconciler: Reconciler) async -> [String: [String: String]] {
    var tags: [String: [String: String]] = [:]
    for (mesh, proxies) in Dictionary(grouping: nodes.compactMap { ProxyID(nodeID: $0) }, by: \.mesh) {
      let found = await reconciler.inspect(mesh) { index in
        proxies.map { ($0.description, index.dataplane($0.name)?.tagValues ?? [:]) }
      }
      for (node, values) in found where !values.isEmpty {
        tags[node] = values.compactMapValues { $0.count == 1 ? $0.first : nil }
      }
    }
    return tags
  }
}
