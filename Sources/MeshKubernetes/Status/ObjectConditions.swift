package import MeshModel
package import MeshPolicy

/// The reasons of conditions. Programs match on them.
enum ConditionReason {
  static let accepted = "Accepted"
  static let invalid = "Invalid"
  static let meshNotFound = "MeshNotFound"
  static let programmed = "Programmed"
  static let backendNotFound = "BackendNotFound"
  static let noBackend = "NoBackend"
  static let noPolicy = "NoPolicy"
  static let noDataplanes = "NoDataplanes"
  static let noMatch = "NoMatch"
  static let overshadowed = "Overshadowed"
  static let noHTTP = "NoHTTP"
  static let nothingSampled = "NothingSampled"
}

extension Condition {
  /// The conditions of an object that cannot be read, and therefore counts as absent.
  ///
  /// - Parameter message: what is wrong.
  package static func conditions(ofUnreadable message: String) -> [Condition] {
    let isSentence = message.last.map { ".?!".contains($0) } ?? true
    let sentences = [isSentence ? message : "\(message).", "The object has no effect until it is mended."]
    return [
      Condition(.accepted, false, ConditionReason.invalid, sentences),
      Condition(.programmed, false, ConditionReason.invalid, sentences),
    ]
  }

  /// The conditions of a TrafficTrace.
  ///
  /// - Parameters:
  ///   - resource: the policy as a resource.
  ///   - notices: the fields of the object that are ignored.
  ///   - mesh: its mesh; `nil` when there is none.
  ///   - reach: what it does in the mesh.
  /// - Returns: the conditions; `nil` when the resource is no policy, or its mesh does not know it yet.
  package static func conditions(
    ofPolicy resource: Resource, notices: [FieldNotice], mesh: Mesh?, reach: PolicyReach
  ) -> [Condition]? {
    guard let policy = resource.content(TrafficTrace.self) else { return nil }
    guard let mesh else {
      let sentences = [PolicyWarnings.missingMesh(of: resource)]
      return [
        Condition(.accepted, false, ConditionReason.meshNotFound, sentences),
        Condition(.programmed, false, ConditionReason.meshNotFound, sentences),
      ]
    }
    let name = resource.name
    var obstacles: [(reason: String, sentences: [String])] = []
    let resolution = BackendResolution(policy, in: mesh)
    let lost = PolicyWarnings.backend(of: policy, name: name, mesh: mesh, meshName: resource.mesh)
    switch resolution {
    case .found: break
    case .unknown: obstacles.append((ConditionReason.backendNotFound, lost))
    case .noDefault: obstacles.append((ConditionReason.noBackend, lost))
    }
    let warnings = reach.warnings(about: policy, name: name, meshName: resource.mesh)
    var conflict: [Condition] = []
    var success: [String] = []
    switch reach {
    case .unknown: return nil
    case .overshadowed:
      obstacles.append((ConditionReason.overshadowed, warnings))
      conflict = [Condition(.conflicted, true, ConditionReason.overshadowed, warnings)]
    case .unmatched(let proxies) where proxies.isEmpty:
      let sentence = "Mesh \"\(resource.mesh)\" has no data plane proxies yet."
      obstacles.append((ConditionReason.noDataplanes, [sentence]))
    case .unmatched: obstacles.append((ConditionReason.noMatch, warnings))
    case .applied(let proxies, let silent, _) where proxies == silent:
      obstacles.append((ConditionReason.noHTTP, warnings))
    case .applied(let proxies, _, _):
      guard let backend = resolution.backend else { break }
      if SamplingSteps(percent: backend.sampling).isNone {
        let sentence =
          "The sampling of the tracing backend \"\(backend.name)\" is below 0.01: only requests whose callers ask for "
          + "it are traced."
        obstacles.append((ConditionReason.nothingSampled, [sentence]))
      }
      let subject = proxies == 1 ? "1 data plane proxy, which sends" : "\(proxies) data plane proxies, which send"
      success =
        ["TrafficTrace \"\(name)\" applies to \(subject) spans to the tracing backend \"\(backend.name)\"."] + warnings
    }
    let programmed =
      obstacles.first.map { first in
        Condition(.programmed, false, first.reason, obstacles.flatMap(\.sentences))
      } ?? Condition(.programmed, true, ConditionReason.programmed, success)
    return [accepted(resource, notices), programmed] + conflict
  }

  /// The conditions of a Mesh.
  ///
  /// - Parameters:
  ///   - resource: the mesh as a resource.
  ///   - notices: the fields of the object that are ignored.
  ///   - policies: the policies of the mesh.
  /// - Returns: the conditions; `nil` when the resource is no mesh.
  package static func conditions(
    ofMesh resource: Resource, notices: [FieldNotice], policies: [(name: String, policy: TrafficTrace)]
  ) -> [Condition]? {
    guard let mesh = resource.content(Mesh.self) else { return nil }
    return [accepted(resource, notices), programmed(mesh, name: resource.name, policies)]
  }

  private static func programmed(
    _ mesh: Mesh, name: String, _ policies: [(name: String, policy: TrafficTrace)]
  ) -> Condition {
    guard mesh.tracing?.backends.isEmpty == false else {
      let sentence = "Mesh \"\(name)\" has no tracing backend: nothing is traced there."
      return Condition(.programmed, false, ConditionReason.noBackend, [sentence])
    }
    guard !policies.isEmpty else {
      let sentence = "Mesh \"\(name)\" has no TrafficTrace: nothing is traced there."
      return Condition(.programmed, false, ConditionReason.noPolicy, [sentence])
    }
    let used = Set(policies.compactMap { BackendResolution($0.policy, in: mesh).backend?.name }).sorted()
    let lost = PolicyWarnings.policies(policies, losingBackendsIn: mesh, meshName: name, before: nil)
    guard !used.isEmpty else { return Condition(.programmed, false, ConditionReason.backendNotFound, lost) }
    let backends = used.count == 1 ? "tracing backend" : "tracing backends"
    let sentence = "TrafficTraces of mesh \"\(name)\" lead to the \(backends) \(PolicyWarnings.list(used))."
    return Condition(.programmed, true, ConditionReason.programmed, [sentence] + lost)
  }

  private static func accepted(_ resource: Resource, _ notices: [FieldNotice]) -> Condition {
    let violations = resource.violations()
    guard violations.isEmpty else {
      let sentences = violations.prefix(20).map { "spec.\($0.field): \($0.message)." }
      return Condition(.accepted, false, ConditionReason.invalid, sentences)
    }
    let sentence = "The \(resource.type.rawValue) is valid."
    return Condition(.accepted, true, ConditionReason.accepted, [sentence] + notices.messages.map { "\($0)." })
  }
}
