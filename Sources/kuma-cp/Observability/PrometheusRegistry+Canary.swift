import PrometheusMetrics
import TraceHTTP

extension PrometheusRegistry {
  /// Registers the metrics of the collector's canary.
  func read(_ canary: Canary) {
    read("kuma_canary_traces_total", .counter, "Traces that the collector sent to itself, by what became of them.") {
      let counts = canary.record.counts
      return [CanaryRecord.State.found, .lost, .refused].map { state in
        PrometheusText.Sample(counts[state] ?? 0, [("result", state.rawValue)])
      }
    }
    read(
      "kuma_canary_delay_seconds", .histogram, "How long after they were sent these traces were found by a query."
    ) {
      let record = canary.record
      return PrometheusText.Sample.histogram(
        bounds: CanaryRecord.bounds, counts: record.delays, sum: record.delaySum)
    }
    read(
      "kuma_canary_last_success_timestamp_seconds", .gauge,
      "When the last of these traces was found, in seconds since 1970; 0 if none was."
    ) {
      [PrometheusText.Sample(Double(canary.record.lastSuccess ?? 0) / 1_000)]
    }
  }
}
