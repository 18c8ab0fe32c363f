import HTTPService
import HTTPTypes
import MeshControl
import MeshModel
import MeshPolicy
import MeshStore
import MeshTransport
import MeshXDS
import ProxyEvidence

extension EvidenceAdmission {
  /// Takes evidence of the proxies of a control plane.
  init(store: any ResourceStore, sessions: ProxySessions, authenticator: (any ProxyAuthenticating)?) {
    let evidence = sessions.evidence
    self.init(
      resources: EvidenceAdmission.Resources(
        isConnected: { mesh, name in evidence.isConnected(ProxyID(mesh: mesh, name: name)) },
        dataplane: { mesh, name in
          try await store.get(ResourceKey(type: .dataplane, mesh: mesh, name: name))?.content(Dataplane.self)
        }),
      authenticator: authenticator)
  }
}

extension EvidenceResponder {
  /// Takes evidence into a table, and asks for more where the table does.
  init(_ admission: EvidenceAdmission, _ evidence: EvidenceTable) {
    self.init(admission: admission, isAwaited: { evidence.isAwaited(ProxyID(mesh: $0.mesh, name: $0.name)) }) {
      evidence.take($0)
    }
  }
}

extension MetricsService.Setup {
  /// Takes what Envoys send, if the settings say so.
  init?(_ configuration: ControlPlaneConfiguration, _ admission: EvidenceAdmission, _ evidence: EvidenceTable) {
    guard configuration.envoyMetricsEnabled else { return nil }
    self.init(admission: admission, interval: configuration.envoyMetricsInterval) { mesh, name, values in
      evidence.take(values, of: ProxyID(mesh: mesh, name: name))
    }
  }
}

extension Pipeline {
  /// The largest body that is read where all tasks run. Reports of proxies come all the time and are smaller.
  private static let smallBody = 8 << 10

  /// Answers a request to the data plane server. Documents are read on threads of their own.
  static func answer(
    _ request: HTTPRequest, _ body: [UInt8], _ caller: Caller, _ requests: DataplaneRequests
  ) async -> Answer {
    if body.count <= smallBody, request.plainPath == EvidenceReport.path {
      return await requests.respond(to: request, body: body, from: caller)
    }
    return await DocumentThreads.answer(body, for: caller.key) {
      await requests.respond(to: request, body: $0, from: caller)
    }
  }
}
