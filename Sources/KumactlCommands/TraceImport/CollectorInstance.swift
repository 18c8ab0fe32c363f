import MeshClient
import MeshModel

/// A running collector of this project, whatever address it is reached at.
enum CollectorInstance {
  /// Refuses to import from a collector into itself, which would store everything a second time. A server that does not tell which
  /// it is is another one.
  static func requireOthers(_ source: ControlPlaneClient, _ collector: ControlPlaneClient) async throws {
    guard let instance = try await Self.instance(source), try await Self.instance(collector) == instance else { return }
    throw CommandFailure(
      "\(source.address) of --from and \(collector.address) of --to are the same collector; it has these traces already"
    )
  }

  /// Which run of a collector answers; nil for a server of another kind.
  private static func instance(_ client: ControlPlaneClient) async throws -> String? {
    let response = try await client.exchange(.get, "/receiver")
    guard response.status == 200, let document = try? DocumentValue(json: response.body),
      document["product"]?.string == "kuma-trace", let instance = document["instance"]?.string, !instance.isEmpty
    else { return nil }
    return instance
  }
}
