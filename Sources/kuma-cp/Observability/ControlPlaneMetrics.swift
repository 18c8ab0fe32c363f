import HTTPService
import MeshControl
import MeshModel
import MeshTransport
import MeshXDS
import TraceModel

/// Gathers what the parts of the control plane have counted, for Prometheus.
struct ControlPlaneMetrics: Sendable {
  let reconciler: Reconciler
  let sessions: ProxySessions
  let cache: SnapshotCache
  let translator: EnvoyTranslator
  let dataplaneServer: DataplaneServer
  let collector: CollectorMetrics?
  let budgets: [ByteBudget]
  let services: [RequestService]

  /// Adds every metric to a page.
  func write(_ page: inout PrometheusText) async {
    await writeConfiguration(&page)
    if let collector { write(collector.snapshot, &page) }
    page.add(budgets)
    page.add(services)
    let usage = ProcessUsage.current()
    page.add(
      "process_cpu_seconds_total", .counter, "Processor time used, in seconds.",
      [(labels: [], value: usage.cpuSeconds)])
    page.add("process_resident_memory_bytes", .gauge, "Memory resident, in bytes.", usage.residentBytes)
    page.add("process_open_fds", .gauge, "Open file descriptors.", usage.openFiles)
  }

  private func writeConfiguration(_ page: inout PrometheusText) async {
    let counters = await reconciler.counters
    page.add("kuma_store_changes_total", .counter, "Resources written or deleted that were taken in.", counters.changes)
    page.add(
      "kuma_xds_configurations_computed_total", .counter, "Proxy configurations computed.", counters.computed)
    page.add(
      "kuma_xds_snapshots_published_total", .counter, "Proxy configurations that differed and were offered to proxies.",
      counters.published)
    page.add(
      "kuma_xds_shared_resources_encoded_total", .counter, "Resources shared by proxies that were encoded.",
      translator.sharedEncodings)
    let responses = sessions.counts.total
    page.add(
      "kuma_xds_responses_total", .counter, "Responses to proxies, by what became of them.",
      [
        (labels: [("result", "sent")], value: Double(responses.responsesSent)),
        (labels: [("result", "acknowledged")], value: Double(responses.responsesAcknowledged)),
        (labels: [("result", "rejected")], value: Double(responses.responsesRejected)),
      ])
    page.add("kuma_xds_streams", .gauge, "Discovery streams open.", dataplaneServer.streamCount)
    page.add("kuma_dataplanes_connected", .gauge, "Proxies connected.", await reconciler.connectedCount)
    page.add(
      "kuma_xds_proxies_with_withdrawn_collectors", .gauge,
      "Proxies that keep the cluster of a collector, which no policy leads to any more, until they have drained.",
      await reconciler.withdrawnCount)
  }

  private func write(_ spans: CollectorMetrics.Snapshot, _ page: inout PrometheusText) {
    page.add("kuma_collector_requests_total", .counter, "Requests to store spans.", spans.requests)
    page.add(
      "kuma_collector_requests_failed_total", .counter, "Requests of which nothing was stored.", spans.requestsFailed)
    page.add("kuma_collector_request_bytes_total", .counter, "Bytes of their bodies as they came.", spans.requestBytes)
    page.add(
      "kuma_collector_spans_total", .counter, "Spans received, by what became of them.",
      [
        (labels: [("result", "stored")], value: Double(spans.spansAccepted)),
        (labels: [("result", "rejected")], value: Double(spans.spansRejected)),
        (labels: [("result", "dropped")], value: Double(spans.spansDropped)),
      ])
    page.add("kuma_collector_commits_total", .counter, "Transactions that stored spans.", spans.commits)
    page.add("kuma_collector_spans_expired_total", .counter, "Spans removed by retention.", spans.spansExpired)
    page.add(
      "kuma_collector_retention_runs_total", .counter, "How often retention has looked for what is to go.",
      spans.retentionRuns)
    page.add(
      "kuma_collector_names_forgotten_total", .counter,
      "Names of services and operations that are not listed any more, as there were too many.", spans.namesForgotten)
    page.add("kuma_collector_queries_total", .counter, "Queries answered.", spans.queries)
  }
}
