/// One Envoy's own word about itself, from its administration interface.
struct EnvoyAdministration: Sendable {
  let service: String
  private let url: String
  private let client = ServiceClient(timeout: 2)

  init(_ service: DemoPlan.Service) {
    self.service = service.name
    url = "http://127.0.0.1:\(service.adminPort)"
  }

  /// The version, once the proxy has its configuration and takes requests; `nil` before that.
  func versionWhenReady() async throws -> String? {
    guard let answer = try await client.attempt("\(url)/server_info"), answer.status == 200,
      let info = answer.decoded(ServerInfo.self), info.state == "LIVE"
    else { return nil }
    // The commit, the version, and how it was built.
    let parts = info.version.split(separator: "/")
    return parts.count > 1 ? String(parts[1]) : info.version
  }

  /// How often Envoy took listeners, and when it last did; `nil` when it does not answer.
  func listenerUpdates() async throws -> ListenerUpdates? {
    guard let values = try await listenerStatistics(), let accepted = values["lds.update_success"] else { return nil }
    return ListenerUpdates(
      accepted: accepted, rejected: values["lds.update_rejected"] ?? 0, time: values["lds.update_time"] ?? 0)
  }

  /// Whether no connection is left that goes by an older configuration.
  func hasDrained() async throws -> Bool {
    guard let values = try await listenerStatistics(), let listeners = values["total_listeners_draining"],
      let chains = values["total_filter_chains_draining"]
    else { return false }
    return listeners == 0 && chains == 0
  }

  /// What Envoy counts of its listeners as a whole.
  private func listenerStatistics() async throws -> [Substring: UInt64]? {
    let prefix = "listener_manager."
    guard let answer = try await client.attempt("\(url)/stats?filter=%5E\(prefix)"), answer.status == 200 else {
      return nil
    }
    var values: [Substring: UInt64] = [:]
    for line in answer.text.split(separator: "\n") where line.hasPrefix(prefix) {
      let parts = line.dropFirst(prefix.count).split(separator: ":", maxSplits: 1)
      if parts.count == 2, let value = UInt64(parts[1].drop { $0 == " " }) { values[parts[0]] = value }
    }
    return values
  }

  /// Whether one of the listeners in use reports to a Zipkin collector.
  func isTracing() async throws -> Bool {
    let answer = try await client.attempt("\(url)/config_dump?resource=dynamic_listeners")
    return answer?.text.contains("envoy.config.trace.v3.ZipkinConfig") ?? false
  }

  /// Counts of an Envoy about its listeners.
  struct ListenerUpdates: Sendable {
    /// Configurations that it took.
    var accepted: UInt64
    /// Configurations that it refused.
    var rejected: UInt64
    /// When it last took one, in milliseconds since 1970.
    var time: UInt64
  }

  private struct ServerInfo: Decodable {
    var version: String
    var state: String
  }
}
