import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import ProxySimulation

/// What is decided before any request: policies, backends, protocols, connections.
extension Injection {
  static let decided: [Injection] = [
    Injection(cause: "no-policy", name: "unselected", destination: .noPolicy),
    // The policy for the service leads to the own collector, a more specific one to a collector of somebody else.
    Injection(
      cause: "overshadowed", name: "shadowed",
      policies: """
        ---
        type: TrafficTrace
        name: shadow
        mesh: default
        selectors:
        - match: {kuma.io/service: shadowed, team: blue}
        conf: {backend: foreign}

        """, shape: NoTraceRig.Shape(tags: ", team: blue")),
    Injection(cause: "backend-unknown", name: "misspelt", destination: .missing("collecter")),
    Injection(cause: "no-default-backend", name: "undirected", destination: .noBackend),
    Injection(cause: "none-expected", name: "unsampled", destination: .own(sampling: "0")),
    Injection(cause: "none-expected", name: "seldom", destination: .own(sampling: "0.01")),
    Injection(cause: "not-http", name: "plain", shape: NoTraceRig.Shape(serviceProtocol: "tcp")),
    Injection(
      cause: "no-outbound", name: "roadless",
      verdict: { try await $0.verdict(ofService: "prices", from: "roadless") }),
    Injection(
      cause: "proxy-offline", name: "gone", shape: NoTraceRig.Shape(isApplied: true),
      begin: { rig in try await rig.proxy("gone").kill() }),
    Injection(
      cause: "never-connected", name: "absent", hasProxy: false,
      prepare: { rig in try await rig.controlPlane.apply(try rig.dataplane("absent").yaml) }, load: { _, _ in nil }),
    // A second process with the name of the first.
    Injection(
      cause: "connected-elsewhere", name: "double",
      begin: { rig in try rig.startRival(of: "double") }),
    // The port of its inbound belongs to another process.
    Injection(
      cause: "configuration-rejected", name: "crowded",
      shape: NoTraceRig.Shape(inboundPort: { $0.silent.number }), isListening: false, load: { _, _ in nil }),
    // Envoy stops answering, and then gets another backend.
    Injection(
      cause: "acknowledgement-outstanding", name: "frozen",
      begin: { rig in
        kill(try rig.envoyPID(of: "frozen"), SIGSTOP)
        try await rig.controlPlane.apply(Self.policy("frozen", backend: "nothing"))
      }),
    Injection(
      cause: "envoy-too-old", name: "ancient",
      destination: .own(conf: ", headers: [{name: x-team, value: blue}]"), hasProxy: false,
      prepare: { rig in try await rig.controlPlane.apply(try rig.dataplane("ancient").yaml) }, load: { _, _ in nil },
      begin: { rig in rig.simulate("ancient", version: (1, 30, 1)) }),
  ]

  /// A policy for a service.
  static func policy(_ service: String, backend: String?) -> String {
    """
    type: TrafficTrace
    name: \(service)
    mesh: default
    selectors:
    - match: {kuma.io/service: \(service)}
    conf: {\(backend.map { "backend: \($0)" } ?? "")}

    """
  }
}
