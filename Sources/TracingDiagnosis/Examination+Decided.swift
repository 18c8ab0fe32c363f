import MeshModel
import MeshPolicy

/// What the resources of the mesh decide.
extension Examination {
  /// Why nothing can be traced whatever the proxy does; `nil` when something can.
  var decided: Verdict? {
    guard let winner = input.explanation.candidates.first else {
      return Verdict(
        .noPolicy, "No TrafficTrace of the mesh matches this proxy.",
        evidence: [
          .init(.decided, "The mesh has no TrafficTrace with a selector whose tags one inbound of the proxy has.")
        ])
    }
    let policy = "TrafficTrace \"\(winner.name.abridged())\""
    switch input.explanation.resolution {
    case nil, .noDefault?:
      return Verdict(
        .noDefaultBackend, "\(policy) names no backend, and the mesh has no tracing.defaultBackend.",
        evidence: [.init(.decided, "\(policy) applies to the proxy.")] + alternatives)
    case .unknown(let name)?:
      let nearest = NearestName.find(name, among: input.backends)
      let have = input.backends.isEmpty ? "none" : PolicyWarnings.list(input.backends)
      return Verdict(
        .backendUnknown,
        "\(policy) leads to the tracing backend \"\(name.abridged())\", which the mesh does not have"
          + (nearest.map { "; did you mean \"\($0.abridged())\"?" } ?? "."),
        evidence: [.init(.decided, "The mesh has these tracing backends: \(have).")] + alternatives)
    case .found(let backend)?:
      return unusable(backend) ?? noListener ?? overshadowed(by: winner.name, backend) ?? untraced(backend)
    }
  }

  /// The policies that match and do not apply.
  private var alternatives: [Verdict.Fact] {
    guard !input.alternatives.isEmpty else { return [] }
    let names = PolicyWarnings.list(input.alternatives.map(\.policy))
    return [.init(.decided, "Others match the proxy too and do not apply: \(names).")]
  }

  private func unusable(_ backend: TracingBackend) -> Verdict? {
    guard let obstacle = input.explanation.backendObstacle else { return nil }
    return Verdict(
      .unknown, level: .fault, "The tracing backend \"\(backend.name.abridged())\" cannot be used; \(obstacle).",
      evidence: [.init(.decided, obstacle.sentence)], remedy: "Mend what the backend needs.")
  }

  private var noListener: Verdict? {
    guard !groups.isEmpty else {
      return Verdict(
        .noOutbound, "The proxy has no listeners: no inbound, and no outbound for any service.",
        evidence: [.init(.decided, "The Dataplane has neither networking.inbound nor networking.outbound.")])
    }
    guard traced.isEmpty else { return nil }
    return notHTTP(groups, "None of the proxy's \(groups.count.of("listener")) sees HTTP.")
  }

  /// The verdict that some listeners are of TCP.
  func notHTTP(_ groups: [ListenerGroup], _ summary: String) -> Verdict {
    let facts = groups.prefix(5).map { group in
      Verdict.Fact(
        .decided,
        "The \(group.listener.direction.rawValue) \(group.place) of \"\(group.listener.service.abridged())\": "
          + "\(group.listener.obstacle ?? "").")
    }
    return Verdict(
      .notHTTP, summary, evidence: facts, remedy: groups.lazy.compactMap(\.listener.fix).first?.sentence)
  }

  /// Another policy leads the spans away from the collector at which they are looked for.
  private func overshadowed(by winner: String, _ backend: TracingBackend) -> Verdict? {
    if case .own = input.receiver { return nil }
    guard !SamplingSteps(percent: backend.sampling).isNone,
      let other = input.alternatives.first(where: \.leadsToOwnCollector)
    else { return nil }
    return Verdict(
      .overshadowed,
      "TrafficTrace \"\(other.policy.abridged())\", which leads to this collector, does not apply: \"\(winner.abridged())\" does, "
        + "and leads to the backend \"\(backend.name.abridged())\" at \(collectorText).",
      evidence: [.init(.decided, "\"\(winner.abridged())\" is more specific, or was created later.")] + alternatives)
  }

  private func untraced(_ backend: TracingBackend) -> Verdict? {
    let steps = SamplingSteps(percent: backend.sampling)
    guard steps.isNone, !isFlowing() else { return nil }
    let reason =
      steps.isLess(than: backend.sampling ?? 0) ? "is below Envoy's smallest step of 0.01, which makes it 0" : "is 0"
    return Verdict(
      .noneExpected, level: .fault,
      "The sampling of the tracing backend \"\(backend.name.abridged())\" \(reason), so no request is traced whose caller does "
        + "not ask for it.",
      evidence: [.init(.decided, "No number of requests lets a span be expected.")] + alternatives,
      remedy: "Raise sampling of the backend in the Mesh.")
  }
}
