import MeshModel
import ProxyEvidence

extension FuzzTarget {
  /// What proxies tell of their Envoys.
  static let evidence: [FuzzTarget] = [
    FuzzTarget(
      "evidence", "reports of what an Envoy has counted, one after the other, up to the history that is kept",
      samples: [
        #"{"mesh":"default","name":"a","epoch":"e","sequence":1,"whole":true,"time":1,"values":{"http.b.downstream_rq_total":1}}"#
      ]
    ) { bytes in
      var history = EvidenceHistory(source: .kumaDp, at: Timestamp(seconds: 1_000))
      var count = 0
      // Reports stand in lines.
      for (number, line) in bytes.split(separator: 0x0A).prefix(64).enumerated() {
        guard let report = try? EvidenceReport(json: Array(line)) else { continue }
        require((try? EvidenceReport(json: report.json()))?.values == report.values, "a report is written otherwise")
        history.record(
          report.values, isWhole: report.isWhole, epoch: report.epoch, isFirstOfEpoch: report.sequence <= 1,
          envoyVersion: report.envoyVersion, sent: report.time, at: Timestamp(seconds: 1_000 + Int64(number) * 7))
        count += report.values.count
      }
      require(history.size <= 4_096, "the history of a proxy has \(history.size) bytes")
      let now = Timestamp(seconds: 1_448)
      let (all, newest) = (history.change(over: .seconds(3_600), at: now), history.newest)
      require(
        all.listeners.values.allSatisfy { $0.requests >= 0 && $0.decided >= 0 } && newest.tracer.spansSent >= 0,
        "a count is negative")
      return count
    }
  ]
}
