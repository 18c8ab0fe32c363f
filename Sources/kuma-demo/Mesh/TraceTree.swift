/// A trace as the collector's page has it: spans in the order in which they are shown, each with its depth.
struct TraceTree: Decodable, Sendable {
  /// The trace's id.
  var traceId: String
  /// Microseconds since 1970.
  var timestamp: Int64
  /// Microseconds.
  var duration: Int64
  /// Each node before those that hang below it.
  var nodes: [Node]

  /// A span at its place.
  struct Node: Decodable, Sendable {
    var depth: Int
    /// The index of the node above; -1 for a root.
    var parent: Int
    var isError: Bool
    var span: Span
  }

  /// What the demo reads of a Zipkin span.
  struct Span: Decodable, Sendable {
    var parentId: String?
    var kind: String?
    var timestamp: Int64?
    var duration: Int64?
    var localEndpoint: Endpoint?
    var tags: [String: String]?

    struct Endpoint: Decodable, Sendable {
      var serviceName: String?
    }

    var service: String { localEndpoint?.serviceName ?? "?" }
    /// The service that a client's side calls, as Envoy names the cluster.
    var callee: String? { tags?["upstream_cluster"] }
    /// The status of the answer.
    var status: String? { tags?["http.status_code"] }
    /// Whether an Envoy made it: it says so itself and names the proxy.
    var isFromEnvoy: Bool { tags?["component"] == "proxy" && tags?["node_id"]?.hasPrefix("default.") == true }
  }

  /// How many spans of a kind come from an Envoy.
  func count(_ kind: String) -> Int { nodes.count { $0.span.kind == kind && $0.span.isFromEnvoy } }

  /// What is missing from a whole trace of some services, in words; empty when one tree holds the server side of each, and
  /// both sides of every call between them at the right places.
  func missing(for services: [TracedService]) -> [String] {
    var missing: [String] = []
    let roots = nodes.filter { $0.parent < 0 }
    if roots.count != 1 || roots.contains(where: { $0.span.parentId != nil }) {
      missing.append("what joins its parts")
    }
    for service in services {
      let servers = nodes.indices.filter {
        nodes[$0].span.kind == "SERVER" && nodes[$0].span.service == service.name && nodes[$0].span.isFromEnvoy
      }
      if servers.isEmpty { missing.append("the server side of \(service.name)") }
      for call in service.calls where !holds(call: call, by: servers) {
        missing.append("the call from \(service.name) to \(call)")
      }
    }
    return missing
  }

  /// Whether a client's side below one of some spans has a server's side of the called service below it.
  private func holds(call: String, by servers: [Int]) -> Bool {
    nodes.indices.contains { server in
      let node = nodes[server]
      guard node.span.kind == "SERVER", node.span.service == call, nodes.indices.contains(node.parent) else {
        return false
      }
      let client = nodes[node.parent]
      return client.span.kind == "CLIENT" && client.span.isFromEnvoy && servers.contains(client.parent)
    }
  }
}
