/// The one table of what each operation of each server needs.
///
/// An operation that is not in the table is refused, to administrators too. Tests walk all operations of all servers, so that none is
/// missing and none is left that does not exist any more.
package struct AccessMatrix: Sendable {
  /// A server, as far as access goes.
  package enum Server: String, CaseIterable, Sendable {
    /// The HTTP API, over HTTP and HTTPS.
    case api
    /// The trace collector: intake, queries, page.
    case collector
    /// The additional port for OpenTelemetry's exporters. Its operations are some of the collector's.
    case otlp
    /// Readiness and metrics.
    case diagnostics
    /// The server for proxies: bootstrap and discovery.
    case dataplane
  }

  /// What an operation needs.
  package enum Requirement: Sendable, Hashable {
    /// Nothing. What the operation answers is no secret, or it is how somebody proves who they are.
    case nothing
    /// A permission.
    case permission(Permission)
    /// The proof of a proxy, which the server for proxies checks itself, since it is in the body or in a stream.
    case proxy
  }

  /// Operations of a server that need the same.
  package struct Row: Sendable {
    /// The server.
    package let server: Server
    /// What the operations need.
    package let requirement: Requirement
    /// The operations: methods and paths as the server declares them, such as `GET /meshes/{mesh}`.
    package let operations: [String]
  }

  /// The rows. No operation of a server is in two of them.
  package let rows: [Row]
  private let requirements: [Server: [String: Requirement]]

  /// Makes a table.
  package init(_ rows: [Row]) {
    self.rows = rows
    requirements = rows.reduce(into: [:]) { table, row in
      for operation in row.operations { table[row.server, default: [:]][operation] = row.requirement }
    }
  }

  /// The table of this product.
  package static let standard = AccessMatrix(api + collector + otlp + diagnostics + dataplane)

  /// What an operation needs; nil if the table does not have it, and then nobody may run it.
  package func requirement(of operation: String, at server: Server) -> Requirement? { requirements[server]?[operation] }
}

extension AccessMatrix {
  private static func row(_ server: Server, _ requirement: Requirement, _ operations: [String]) -> Row {
    Row(server: server, requirement: requirement, operations: operations)
  }

  private static func row(_ server: Server, _ permission: Permission, _ operations: [String]) -> Row {
    row(server, .permission(permission), operations)
  }

  private static let api: [Row] = [
    row(
      .api, .nothing,
      ["GET /", "GET /versions", "GET /policies", "GET /who-am-i", "GET /gui", "GET /openapi.yaml"]),
    row(.api, .controlPlaneMetadata, ["GET /config"]),
    row(
      .api, .readResources,
      [
        "GET /meshes", "GET /meshes/{mesh}", "GET /meshes/{mesh}/_warnings", "GET /meshes/{mesh}/_tracing",
        "GET /meshes/{mesh}/services/{service}/_tracing",
        "GET /traffic-traces", "GET /meshes/{mesh}/traffic-traces", "GET /meshes/{mesh}/traffic-traces/{name}",
        "GET /meshes/{mesh}/traffic-traces/{name}/dataplanes",
        "GET /meshes/{mesh}/traffic-traces/{name}/_resources/dataplanes",
        "GET /meshes/{mesh}/traffic-traces/{name}/_warnings",
        "GET /dataplanes", "GET /meshes/{mesh}/dataplanes", "GET /meshes/{mesh}/dataplanes/{name}",
        "GET /meshes/{mesh}/dataplanes/{name}/policies", "GET /meshes/{mesh}/dataplanes/{name}/_tracing",
        "GET /meshes/{mesh}/dataplanes/{name}/_warnings",
        "GET /dataplane-insights", "GET /meshes/{mesh}/dataplane-insights",
        "GET /meshes/{mesh}/dataplane-insights/{name}",
        "GET /dataplanes/_overview", "GET /meshes/{mesh}/dataplanes/_overview",
        "GET /meshes/{mesh}/dataplanes/{name}/_overview",
        "GET /dataplanes+insights", "GET /meshes/{mesh}/dataplanes+insights",
        "GET /meshes/{mesh}/dataplanes+insights/{name}",
        "GET /mesh-insights", "GET /mesh-insights/{mesh}",
        "GET /service-insights", "GET /meshes/{mesh}/service-insights", "GET /meshes/{mesh}/service-insights/{name}",
        "GET /global-insights", "GET /global-insight",
        // Computes what writes would do, and writes nothing.
        "POST /_dry-run",
      ]),
    // Names services and programs that send spans, as the collector does to those who may read traces.
    row(.api, .readTraces, ["GET /senders"]),
    row(
      .api, .writeResources,
      [
        "PUT /meshes/{mesh}", "DELETE /meshes/{mesh}",
        "PUT /meshes/{mesh}/dataplanes/{name}", "DELETE /meshes/{mesh}/dataplanes/{name}",
      ]),
    row(
      .api, .writePolicies,
      ["PUT /meshes/{mesh}/traffic-traces/{name}", "DELETE /meshes/{mesh}/traffic-traces/{name}"]),
    row(.api, .viewConfigDump, ["GET /meshes/{mesh}/dataplanes/{name}/xds"]),
    row(.api, .viewStats, ["GET /meshes/{mesh}/dataplanes/{name}/stats"]),
    row(.api, .viewClusters, ["GET /meshes/{mesh}/dataplanes/{name}/clusters"]),
    row(
      .api, .adminResources,
      [
        "GET /secrets", "GET /meshes/{mesh}/secrets", "GET /meshes/{mesh}/secrets/{name}",
        "PUT /meshes/{mesh}/secrets/{name}", "DELETE /meshes/{mesh}/secrets/{name}",
        "GET /global-secrets", "GET /global-secrets/{name}", "PUT /global-secrets/{name}",
        "DELETE /global-secrets/{name}",
      ]),
    row(.api, .generateDpToken, ["POST /tokens/dataplane"]),
    row(.api, .generateUserToken, ["POST /tokens/user"]),
  ]

  private static let collector: [Row] = [
    row(.collector, .ingestSpans, spans),
    row(
      .collector, .readTraces,
      [
        "GET /api/v2/services", "GET /api/v2/spans", "GET /api/v2/remoteServices", "GET /api/v2/traces",
        "GET /api/v2/traceMany", "GET /api/v2/trace/{id}", "GET /api/v2/dependencies", "GET /api/v2/autocompleteKeys",
        "GET /api/v2/autocompleteValues", "GET /api/summaries", "GET /api/trees/{id}",
        "GET /api/graph", "GET /api/operations", "GET /api/propagation", "GET /api/hidden",
        "GET /api/senders", "GET /api/canary",
        "GET /api/export/zipkin", "GET /api/export/zipkin/{id}", "GET /api/export/jaeger/{id}",
        "GET /api/export/html/{id}",
        // Arranges the spans of a file, and stores nothing.
        "POST /api/trees",
        "GET /info", "GET /config.json",
      ]),
    // What the API says of meshes needs the same here as there.
    row(.collector, .readResources, ["GET /api/meshes", "GET /api/mesh"]),
    // A person brings a file with spans; a control plane asks about the reports of its proxies.
    row(.collector, .ingestSpans, ["POST /api/import", "GET /receiver", "POST /receiver/senders"]),
    row(.collector, .viewMetrics, ["GET /metrics", "GET /prometheus", "GET /prometheus/requests"]),
    row(.collector, .nothing, ["GET /health", "POST /login", "POST /logout", "GET /session"] + page),
  ]

  private static let otlp: [Row] = [row(.otlp, .ingestSpans, ["POST /v1/traces"])]

  private static let diagnostics: [Row] = [
    row(.diagnostics, .nothing, ["GET /ready", "GET /healthy"]),
    row(.diagnostics, .viewMetrics, ["GET /metrics"]),
  ]

  private static let dataplane: [Row] = [
    row(
      .dataplane, .proxy,
      [
        "POST /bootstrap",
        "POST /envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
        "POST /envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
      ])
  ]

  /// The page without any data: without it nobody could sign in.
  private static let page = [
    "GET /", "GET /traces", "GET /traces/{id}", "GET /services", "GET /services/{name}", "GET /compare",
    "GET /compare/{id}", "GET /compare/{id}/{other}", "GET /file", "GET /file/{name}", "GET /graph",
    "GET /propagation", "GET /privacy", "GET /mesh", "GET /senders", "GET /assets/{file}",
    // Addresses of other pages, which lead to this one.
    "GET /zipkin", "GET /zipkin/traceViewer", "GET /zipkin/dependency", "GET /dependency", "GET /zipkin/traces/{id}",
    "GET /zipkin/trace/{id}", "GET /trace/{id}", "GET /dependencies", "GET /gui", "GET /gui/{rest...}", "GET /search",
    "GET /index.html",
  ]
  private static let spans = ["POST /api/v2/spans", "POST /api/v1/spans", "POST /v1/traces"]
}
