import Foundation
import MeshTestSupport

/// Collectors that do not take what Envoys send them.
extension Injection {
  static let collectors: [Injection] = [
    Injection(
      cause: "name-not-resolved", name: "nameless",
      destination: .url({ _ in "http://collector.invalid:9411/api/v2/spans" })),
    Injection(
      cause: "connection-refused", name: "refused",
      destination: .url({ "http://127.0.0.1:\($0.refusing.number)/api/v2/spans" })),
    Injection(
      cause: "connection-refused", name: "refused-auto",
      destination: .url({ "http://127.0.0.1:\($0.refusing.number)/api/v2/spans" }, conf: ", apiVersion: auto")),
    // The collector speaks no TLS.
    Injection(
      cause: "tls-failed", name: "encrypted",
      destination: .url({ "https://127.0.0.1:\($0.application.port)/api/v2/spans" })),
    // The collector's certificate is of nobody whom the system trusts.
    Injection(
      cause: "tls-failed", name: "distrustful",
      destination: .url(
        { "https://127.0.0.1:\($0.controlPlane.ports.secureAPI)/api/v2/spans" }, conf: ", tls: {verify: system}")),
    Injection(
      cause: "answers-other-than-202", name: "failing",
      destination: .url({ "http://127.0.0.1:\($0.application.port)/status/500/api/v2/spans" })),
    Injection(
      cause: "answers-other-than-202", name: "wrong-success",
      destination: .url({ "http://127.0.0.1:\($0.application.port)/status/200/api/v2/spans" })),
    Injection(
      cause: "collector-slow", name: "slow", limit: .seconds(20),
      destination: .url({ "http://127.0.0.1:\($0.silent.number)/api/v2/spans" })),
    Injection(cause: "path-not-found", name: "lost", destination: .own(path: "/api/v2/span")),
    // Users with long names of their browsers: five spans are more than the collector takes at once.
    Injection(
      cause: "body-too-large", name: "verbose",
      load: { _, proxy in
        SteadyLoad.Target(port: proxy.inboundPort, fields: ["user-agent": String(repeating: "browser ", count: 5_000)])
      }),
    Injection(
      cause: "reports-overflow", name: "overflowing",
      destination: .url({ "http://127.0.0.1:\($0.silent.number)/api/v2/spans" }),
      load: { _, _ in nil },
      begin: { rig in
        let limits = ["max_requests", "max_pending_requests"].map {
          "circuit_breakers.tracing:overflowing.default.\($0)=0"
        }
        try await rig.modifyRuntime(of: "overflowing", limits.joined(separator: "&"))
        rig.load.send("overflowing", to: SteadyLoad.Target(port: try rig.proxy("overflowing").inboundPort))
      }),
    // A request of gRPC has more tags than the collector takes.
    Injection(
      cause: "spans-refused", name: "refusable",
      load: { _, proxy in
        SteadyLoad.Target(
          port: proxy.inboundPort, path: "/shop.Cart/Add",
          fields: ["content-type": "application/grpc", "te": "trailers"])
      }),
  ]
}
