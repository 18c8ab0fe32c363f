/// How much evidence there can be.
package enum EvidenceLimits {
  /// The statistics that are kept of a proxy. Those of listeners, tracers and collectors come before those of services.
  package static let statistics = 112
  /// The statistics of one report that are read; a report with more is refused.
  package static let reported = 1_024
  /// The largest value of a statistic, and of a sum: what numbers of JSON hold exactly. Those of a few do not overflow.
  package static let value = 1 << 53
  /// The sum of two numbers of something that was counted, at most ``value``: a proxy may say that it counts without end.
  package static func sum(_ a: Int, _ b: Int) -> Int {
    let (sum, isBeyond) = a.addingReportingOverflow(b)
    return isBeyond ? value : min(sum, value)
  }

  /// The memory for the names of a proxy's listeners and clusters, in bytes.
  package static let scopeBytes = 1_152
  /// The length of the name of a listener or cluster in statistics, in bytes.
  package static let scopeLength = 128
  /// The different statuses of answers that are kept of a collector.
  package static let answers = 8
  /// How long after a report was stored Envoy may count its answer.
  package static let answer = Duration.seconds(2)
  /// The size of a report in bytes.
  package static let reportBytes = 64 << 10
  /// The length of the texts of a report, in bytes.
  package static let textLength = 253
  /// The memory for what a proxy counted in the past, in bytes.
  package static let historyBytes = 1_152
}
