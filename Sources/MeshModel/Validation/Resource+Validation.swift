extension Resource {
  /// Every violation of the specification's rules, with paths from the specification's root.
  public func violations() -> [Violation] {
    switch spec {
    case .mesh(let mesh): mesh.violations()
    case .trafficTrace(let policy): policy.violations()
    case .dataplane(let dataplane): dataplane.violations()
    case .dataplaneInsight: []
    case .secret(let secret): SecretRules.violations(secret.data)
    case .globalSecret(let secret): SecretRules.violations(secret.data)
    }
  }

  /// Every violation of the rules about what may follow an earlier form of the resource.
  public func violations(replacing old: Resource) -> [Violation] {
    guard case .mesh(let mesh) = spec, case .mesh(let before) = old.spec else { return [] }
    return mesh.violations(replacing: before)
  }

  /// Every violation of the identity that a Dataplane gives itself when its proxy brings it along. What it leaves out the proxy
  /// has said already.
  ///
  /// - Parameters:
  ///   - key: what the proxy says that it is.
  ///   - isNew: whether nothing is stored under the key.
  ///   - source: where the key stands, for the messages.
  public func identityViolations(ofProxy key: ResourceKey, isNew: Bool, source: String) -> [Violation] {
    let named = Resource(mesh: mesh.isEmpty ? key.mesh : mesh, name: name.isEmpty ? key.name : name, spec: spec)
    return NameRules.violations(of: named, type: type.rawValue, writtenTo: key, isNew: isNew, source: source)
  }
}
