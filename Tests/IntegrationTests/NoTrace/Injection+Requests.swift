import Foundation
import MeshTestSupport

/// Requests and spans that are not as they should be, although collectors take what they get.
extension Injection {
  static let requests: [Injection] = [
    // No rule leads connections to the proxy, and `shop-front` calls the application, which listens at the inbound's port.
    Injection(
      cause: "past-the-proxy", name: "passed",
      shape: NoTraceRig.Shape(
        inboundPort: { $0.application.port },
        networking: "  transparentProxying: {redirectPortInbound: FREE1, redirectPortOutbound: FREE2}\n"),
      load: { rig, _ in (try? rig.proxy("passer")).map { SteadyLoad.Target(port: $0.outboundPort) } }),
    Injection(
      cause: "callers-forbid", name: "forbidden",
      load: { _, proxy in
        SteadyLoad.Target(
          port: proxy.inboundPort,
          fields: ["x-b3-traceid": "463ac35c9f6413ad", "x-b3-spanid": "463ac35c9f6413ad", "x-b3-sampled": "0"])
      }),
    Injection(
      cause: "callers-forbid", name: "forbidden-single",
      load: { _, proxy in SteadyLoad.Target(port: proxy.inboundPort, fields: ["b3": "0"]) }),
    // A ULID. Enough requests that some would be chosen.
    Injection(
      cause: "request-id-untraceable", name: "renamed", destination: .own(sampling: "50"),
      load: { _, proxy in
        SteadyLoad.Target(port: proxy.inboundPort, fields: ["x-request-id": "01KB8T4ZW0Q7Y6N3M2K1J0H9G8"])
      }),
    Injection(
      cause: "health-checks-only", name: "probed",
      shape: NoTraceRig.Shape(more: { application, port in
        """
        probes:
          port: \(port)
          endpoints: [{inboundPort: \(application), inboundPath: /healthz, path: /\(application)/healthz}]

        """
      }),
      load: { rig, _ in
        SteadyLoad.Target(port: rig.freePort(of: "probed"), path: "/\(rig.application.port)/healthz")
      }),
    Injection(
      cause: "clock-off", name: "yesterday", shape: NoTraceRig.Shape(script: ClockSkew.script(milliseconds: -7_200_000))
    ),
    Injection(
      cause: "wrong-unit", name: "hasty",
      begin: { rig in
        try await rig.report("hasty", unit: 1_000)
        rig.remember(
          Task {
            while !Task.isCancelled {
              try? await ContinuousClock().sleep(for: .seconds(2))
              try? await rig.report("hasty", unit: 1_000)
            }
          })
      }),
    Injection(
      cause: "other-service-name", name: "alias",
      shape: NoTraceRig.Shape(arguments: { _, _, _ in "--service-cluster pseudonym" })),
    // Another program has given the Envoy one more listener, whose spans go elsewhere.
    Injection(
      cause: "other-configuration", name: "estranged",
      shape: NoTraceRig.Shape(
        arguments: { rig, application, free in
          let listener = NoTraceRig.strayListener(
            free, statistics: "localhost_\(application)", application: application,
            collector: rig.controlPlane.ports.collector)
          return "--config-yaml \"\(listener)\""
        }),
      load: { rig, _ in SteadyLoad.Target(port: rig.freePort(of: "estranged")) }),
    // Few requests, of which the spans go when others come.
    Injection(
      cause: "removed-by-retention", name: "brief",
      load: { _, proxy in SteadyLoad.Target(port: proxy.inboundPort, rate: 20, count: 40) },
      begin: { rig in try await rig.waitForRemoval(of: "brief") }),
    Injection(
      cause: "stream-open", name: "open",
      load: { _, proxy in SteadyLoad.Target(port: proxy.inboundPort, path: "/held") }),
    Injection(
      cause: "trace-broken", name: "forgetful", shape: NoTraceRig.Shape(calls: ["prices"]),
      prepare: { rig in rig.applications["forgetful"]?.call(try rig.proxy("forgetful").outboundPort) }),
  ]

  /// Causes that no row of the table describes. None of them may get the name of another.
  static let unknown: [Injection] = [
    // The collector says 202 and throws everything away.
    Injection(
      cause: "unknown", name: "swallowed", destination: .url({ $0.collectorURL(host: "127.0.0.2") })),
    // The collector ends each connection as soon as it is made.
    Injection(
      cause: "unknown", name: "cut-off",
      destination: .url { "http://127.0.0.1:\($0.application.closingPort)/api/v2/spans" }),
    // Envoy keeps its spans for an hour.
    Injection(
      cause: "unknown", name: "hoarded", limit: .seconds(30), load: { _, _ in nil },
      begin: { rig in
        try await rig.modifyRuntime(
          of: "hoarded", "tracing.zipkin.min_flush_spans=100000&tracing.zipkin.flush_interval_ms=3600000")
        rig.load.send("hoarded", to: SteadyLoad.Target(port: try rig.proxy("hoarded").inboundPort))
      }),
  ]
}
