package import MeshHTTP
package import MeshPolicy
import MeshXDS

extension EnvoyAdministrationClient {
  /// How many reports of a proxy's spans to an automatic backend were accepted or refused, by the status of the answer: 2xx or 4xx.
  ///
  /// - Throws: ``EnvoyAdministrationError``.
  package func answeredReports(
    of proxy: ProxyID, toBackend backend: String
  ) async throws(EnvoyAdministrationError) -> UInt64 {
    let text = try await answer(at: Self.reportsPath, of: proxy, defaultPort: nil)
    let prefix = "cluster.\(EnvoyNames.statistics(EnvoyNames.tracingCluster(backend, isAutomatic: true)))."
    var count: UInt64 = 0
    for line in String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline) where line.hasPrefix(prefix) {
      let parts = line.dropFirst(prefix.count).split(separator: ":", maxSplits: 1)
      guard parts.count == 2, ["upstream_rq_2xx", "upstream_rq_4xx"].contains(parts[0]) else { continue }
      count &+= UInt64(parts[1].trimmingPrefix(while: \.isWhitespace)) ?? 0
    }
    return count
  }

  /// The answers to requests of the clusters to which spans are reported. Source of the names: Envoy 1.40.
  private static let reportsPath = "/stats?filter=%5Ecluster%5C.tracing-auto_.*%5C.upstream_rq_%5B24%5Dxx%24"
}
