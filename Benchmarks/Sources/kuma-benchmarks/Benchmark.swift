/// Something that is measured.
struct Benchmark: Sendable {
  /// What it is called on the command line and in the results.
  let name: String
  /// What it measures, in a few words.
  let summary: String
  /// Measures.
  let run: @Sendable (BenchmarkContext) async throws -> [ResultRow]

  private init(
    _ name: String, _ summary: String, _ run: @escaping @Sendable (BenchmarkContext) async throws -> [ResultRow]
  ) {
    self.name = name
    self.summary = summary
    self.run = run
  }

  /// All of them, in the order in which they run.
  static let all = [
    Benchmark("matching", "which policy applies to which proxy", MatchingBenchmark.run),
    Benchmark("push", "a change of a mesh, up to the snapshots of 1000 proxies", PushBenchmark.run),
    Benchmark("response", "discovery responses from encoded resources", ResponseBenchmark.run),
    Benchmark("fleet", "a control plane with thousands of proxies, over gRPC and TLS", FleetBenchmark.run),
    Benchmark("hostile", "proxies that refuse everything or do not read, beside others", HostileBenchmark.run),
    Benchmark("tokens", "what tokens cost when proxies connect and come back", TokenBenchmark.run),
    Benchmark("evidence", "what it costs that proxies tell what their Envoys count", EvidenceBenchmark.run),
    Benchmark("store", "durable writes of resources", StoreBenchmark.run),
    Benchmark("postgres", "writes in PostgreSQL, and when others know of them", PostgresBenchmark.run),
    Benchmark("shared", "proxies of one control plane, writes at another", SharedFleetBenchmark.run),
    Benchmark(
      "kubernetes", "a control plane on a real API server, 4 proxies and 2000 Dataplanes", KubernetesBenchmark.run),
    Benchmark("pods", "500 pods in a rolling restart on a real API server", PodBenchmark.run),
    Benchmark("collector", "spans in, and their size on the disk", CollectorBenchmark.run),
    Benchmark("http", "spans in over HTTP, into a process of its own", CollectorProcessBenchmark.run),
    Benchmark("tracing", "what a traced request costs a real Envoy and the collector", TracingBenchmark.run),
    Benchmark(
      "redirection", "a request through two Envoys that connections are redirected to", RedirectionBenchmark.run),
    Benchmark("reports", "recorded reports of Envoys, into a collector of their own", ReportBenchmark.run),
    Benchmark("privacy", "spans from which secrets are hidden, and the same as they come", PrivacyBenchmark.run),
    Benchmark("flood", "changes of a mesh while spans flood in", FloodBenchmark.run),
    Benchmark("query", "traces found among many", QueryBenchmark.run),
    Benchmark("document", "documents of 128 KB that mean harm", DocumentBenchmark.run),
    Benchmark("page", "a long trace in a browser", PageBenchmark.run),
    Benchmark("startup", "the start of kumactl", StartupBenchmark.run),
  ]
}
