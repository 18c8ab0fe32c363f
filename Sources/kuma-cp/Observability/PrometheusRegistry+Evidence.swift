import MeshControl
import PrometheusMetrics
import ProxyEvidence

extension PrometheusRegistry {
  /// Registers the metrics of what proxies tell of their Envoys.
  func read(_ evidence: EvidenceTable) {
    read("kuma_evidence_proxies", .gauge, "Proxies whose Envoy's counters are known.") { evidence.count }
    read("kuma_evidence_proxies_limit", .gauge, "Limit of the proxies whose Envoy's counters are kept.") {
      EvidenceTable.proxiesAtMost
    }
    read("kuma_evidence_bytes", .gauge, "Memory for the counters of all Envoys and their past, in bytes.") {
      evidence.size
    }
    read("kuma_evidence_reports_total", .counter, "Reports of counters from proxies, by result.") {
      let verdicts = evidence.verdicts
      return EvidenceVerdict.allCases.map { .init(verdicts[$0] ?? 0, [("result", $0.rawValue)]) }
    }
    read("kuma_evidence_unknown_statistics_total", .counter, "Counters from proxies whose names are not known.") {
      evidence.unknownStatistics
    }
  }
}
