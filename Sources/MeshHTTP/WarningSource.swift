import MeshModel
import MeshPolicy
import MeshStore

/// Collects the input of the rules in ``PolicyWarnings``.
///
/// Warnings never make a request fail: if their input cannot be read after a write, the warning is omitted.
struct WarningSource: Sendable {
  let resources: any ResourceAccess
  let inspection: any ProxyInspecting
  /// Whether a backend's URL leads to this control plane's own collector.
  let isOwnCollector: @Sendable (CollectorURL) -> Bool

  /// Warnings about a write that was made.
  func warnings(writing resource: Resource, over old: Resource?, notices: [FieldNotice]) async -> [String] {
    notices.messages + (await warnings(about: resource, over: old))
  }

  /// Warnings about a stored resource.
  func warnings(about resource: Resource) async -> [String] {
    // Parsing the resource again finds the unknown fields that are stored in a backend's settings.
    let notices = (try? ResourceDocument(resource.document()))?.notices ?? []
    return await warnings(writing: resource, over: nil, notices: notices)
  }

  private func warnings(about resource: Resource, over old: Resource?) async -> [String] {
    switch resource.spec {
    case .trafficTrace(let policy): await warnings(about: policy, name: resource.name, mesh: resource.mesh)
    case .mesh(let mesh): await warnings(about: mesh, name: resource.name, over: old?.content(Mesh.self))
    case .dataplane(let dataplane):
      ((try? await inspection.inspect(resource.mesh) { $0.warnings(aboutProxy: resource.name) }) ?? [])
        + PolicyWarnings.differences(of: dataplane, name: resource.name)
        + (await envoy(of: resource))
    case .dataplaneInsight, .secret, .globalSecret: []
    }
  }

  private func insight(of proxy: Resource) async -> DataplaneInsight? {
    (try? await resources.get(proxy.insightKey))?.content(DataplaneInsight.self)
  }

  /// Warnings about the Envoy of a proxy.
  private func envoy(of proxy: Resource) async -> [String] {
    let insight = await insight(of: proxy)
    let backend = try? await inspection.inspect(proxy.mesh) { $0.resolution(for: proxy.name)?.backend }
    return PolicyWarnings.envoy(of: proxy.name, insight)
      + PolicyWarnings.features(of: proxy.name, insight, for: backend ?? nil)
  }

  /// Warnings about the Envoys of a mesh's proxies.
  private func envoys(of mesh: String) async -> [String] {
    let stored = (try? await resources.list(.dataplaneInsight, mesh: mesh)) ?? []
    let proxies = stored.compactMap { insight in insight.content(DataplaneInsight.self).map { (insight.name, $0) } }
    let features = try? await inspection.inspect(mesh) { index in
      PolicyWarnings.features(proxies, mesh: mesh) { index.resolution(for: $0)?.backend }
    }
    return PolicyWarnings.envoys(proxies, mesh: mesh) + (features ?? [])
  }

  private func warnings(about policy: TrafficTrace, name: String, mesh: String) async -> [String] {
    var warnings: [String] = []
    if let resource = try? await resources.get(ResourceKey(type: .mesh, name: mesh)),
      let content = resource.content(Mesh.self)
    {
      warnings += PolicyWarnings.backend(of: policy, name: name, mesh: content, meshName: mesh)
    }
    let reach = (try? await inspection.inspect(mesh) { $0.reach(of: name) }) ?? .unknown
    return warnings + reach.warnings(about: policy, name: name, meshName: mesh)
  }

  private func warnings(about mesh: Mesh, name: String, over old: Mesh?) async -> [String] {
    let stored = (try? await resources.list(.trafficTrace, mesh: name)) ?? []
    let policies = stored.compactMap { resource in
      resource.content(TrafficTrace.self).map { (name: resource.name, policy: $0) }
    }
    // Nothing is known of a mesh that does not exist yet; it has no secrets.
    let secrets = (try? await inspection.inspect(name) { $0.secrets }) ?? [:]
    return PolicyWarnings.settings(of: mesh) + PolicyWarnings.sampling(of: mesh)
      + PolicyWarnings.differences(of: mesh, name: name, isOwnCollector: isOwnCollector)
      + PolicyWarnings.collectors(of: mesh, secrets: secrets, isOwnCollector: isOwnCollector)
      + PolicyWarnings.policies(policies, losingBackendsIn: mesh, meshName: name, before: old)
      + (await envoys(of: name))
  }
}
