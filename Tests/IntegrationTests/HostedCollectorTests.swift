import Certificates
import Documents
import Foundation
import MeshModel
import MeshTestSupport
import Testing

/// Collectors of others, over TLS: whom real Envoys trust with spans, and what they show.
@Suite(
  "Hosted collectors", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct HostedCollectorTests {
  private static let day: TimeInterval = 86_400

  private static func issue(
    _ authority: CertificateAuthority, for hosts: [String], now: Date = Date()
  ) throws -> ServerCertificate {
    try authority.issue(commonName: "collector", hosts: hosts, lifetime: day, now: now)
  }

  /// A mesh whose proxies report to a collector.
  private static func mesh(_ collector: SecureCollector, _ settings: String) throws -> String {
    let text = """
      type: Mesh
      name: default
      tracing:
        defaultBackend: \(collector.name)
        backends:
        - {name: \(collector.name), type: zipkin, conf: {url: '\(try #require(collector.url))'\(settings)}}

      """
    return text + "---\n" + TracingSystem.policy(backend: collector.name)
  }

  private static func secret(_ name: String, _ text: String) -> String {
    "type: Secret\nmesh: default\nname: \(name)\ndata: \(Base64.encode(Array(text.utf8)))\n"
  }

  /// Sends requests from web to api. While listeners of both change, a connection between them may end under a request.
  private static func request(_ path: String, in system: TracingSystem) async throws {
    let port = try system.proxy("web").outboundPort
    for _ in 0..<5 { _ = try await HTTPProbe.get(port: port, path) }
  }

  /// Sends requests until the spans of both proxies have come.
  private static func expectSpans(_ path: String, at collector: SecureCollector, in system: TracingSystem) async throws
  {
    try await eventually("spans of \(path) at \(collector.name)") {
      try await Self.request(path, in: system)
      return Set(collector.spans(path: path).map(\.service)) == ["web", "api"]
    }
  }

  @Test(
    "An Envoy verifies chain and name where the mesh says so, and sends nothing to a collector that is not the right one"
  )
  func verification() async throws {
    let authority = try CertificateAuthority.make(commonName: "right", lifetime: Self.day)
    let stranger = try CertificateAuthority.make(commonName: "right", lifetime: Self.day)
    let good = SecureCollector("good", try Self.issue(authority, for: ["collector.test"]))
    let address = SecureCollector("address", try Self.issue(authority, for: ["127.0.0.1"]))
    let otherName = SecureCollector("other-name", try Self.issue(authority, for: ["other.test"]))
    let otherAuthority = SecureCollector("other-authority", try Self.issue(stranger, for: ["collector.test"]))
    let expired = SecureCollector(
      "expired", try Self.issue(authority, for: ["collector.test"], now: Date(timeIntervalSinceNow: -2 * Self.day)))
    let all = [good, address, otherName, otherAuthority, expired]
    try await SecureCollector.run(all) {
      try await TracingSystem.run { system in
        try await system.controlPlane.apply(Self.secret("authority", authority.certificatePEM))
        let byName = ", tls: {caCert: {secret: authority}, serverName: collector.test}"
        let refused = [
          (otherName, byName, "fail_verify_san"), (otherAuthority, byName, "fail_verify_error"),
          (expired, byName, "fail_verify_error"), (good, ", tls: {caCert: {secret: authority}}", "fail_verify_san"),
          (address, ", tls: {verify: system}", "fail_verify_error"),
        ]
        for (collector, settings, counter) in refused {
          try await system.controlPlane.apply(try Self.mesh(collector, settings))
          let web = try system.proxy("web")
          let name = "cluster.tracing_\(collector.name).ssl.\(counter)"
          try await eventually("\(collector.name) is refused") {
            try await Self.request("/refused", in: system)
            return try await web.counters("tracing_\(collector.name).ssl")[name] ?? 0 > 0
          }
          #expect(collector.reportCount == 0, "\(collector.name) has got spans")
        }
        for (collector, settings) in [(good, byName), (address, ", tls: {caCert: {secret: authority}}")] {
          try await system.controlPlane.apply(try Self.mesh(collector, settings))
          try await Self.expectSpans("/accepted", at: collector, in: system)
        }
        // Without the settings it is as in Kuma, and the user is told.
        let warnings = try await system.controlPlane.apply(try Self.mesh(otherAuthority, ""))
        #expect(warnings.contains { $0.contains("Proxies do not verify the collector") }, "\(warnings)")
        try await Self.expectSpans("/unverified", at: otherAuthority, in: system)
      }
    }
  }

  @Test("Headers and a client certificate come from Secrets, change without a lost span, and are shown nowhere")
  func secrets() async throws {
    let authority = try CertificateAuthority.make(commonName: "collectors", lifetime: Self.day)
    let clients = try CertificateAuthority.make(commonName: "clients", lifetime: Self.day)
    let client = try clients.issueClient(name: "mesh", lifetime: Self.day)
    let collector = SecureCollector(
      "hosted", try Self.issue(authority, for: ["collector.test"]), clientAuthority: clients.certificatePEM)
    try await SecureCollector.run([collector]) {
      try await TracingSystem.run { system in
        let controlPlane = system.controlPlane
        let secrets = [
          ("authority", authority.certificatePEM), ("chain", client.certificatePEM), ("key", client.privateKeyPEM),
          ("token", "first-value-1234\n"),
        ]
        for (name, text) in secrets { try await controlPlane.apply(Self.secret(name, text)) }
        let verified = "caCert: {secret: authority}, serverName: collector.test"
        let headers = "headers: [{name: X-Api-Key, value: {secret: token}}, {name: x-tenant, value: tenant-value-99}]"

        // The collector refuses whoever shows no certificate.
        try await controlPlane.apply(try Self.mesh(collector, ", tls: {\(verified)}, \(headers)"))
        let web = try system.proxy("web")
        try await eventually("a refusal") {
          try await Self.request("/without", in: system)
          let counters = try await web.counters("tracing_hosted")
          return counters["cluster.tracing_hosted.upstream_rq_503"] ?? 0 > 0
            || counters["cluster.tracing_hosted.upstream_cx_destroy_remote"] ?? 0 > 0
            || counters["cluster.tracing_hosted.ssl.connection_error"] ?? 0 > 0
        }
        #expect(collector.reportCount == 0)

        let identity = "clientCert: {secret: chain}, clientKey: {secret: key}"
        try await controlPlane.apply(try Self.mesh(collector, ", tls: {\(verified), \(identity)}, \(headers)"))
        try await Self.expectSpans("/with", at: collector, in: system)
        #expect(collector.values(of: "x-api-key") == ["first-value-1234"])
        #expect(collector.values(of: "x-tenant") == ["tenant-value-99"])

        // Another value while spans are under way.
        for proxy in system.proxies { try await proxy.waitForSlowCollector() }
        async let calls: Void = system.call("/rotated", times: 200)
        try await controlPlane.apply(Self.secret("token", "second-value-5678"))
        try await calls
        try await eventually("the new value") {
          try await Self.request("/after", in: system)
          return collector.values(of: "x-api-key").contains("second-value-5678")
        }
        try await eventually("every span of 200 requests") {
          collector.spans(path: "/rotated").count == 400
        }
        let clusters = try await web.counters("cluster_manager.cluster_updated")
        #expect(collector.values(of: "x-api-key") == ["first-value-1234", "second-value-5678"], "\(clusters)")

        let dump = try await controlPlane.get("/meshes/default/dataplanes/web/xds").json()
        let own = try await HTTPProbe.get(port: web.adminPort, "/config_dump?include_eds")?.text ?? ""
        let key = client.privateKeyPEM.split(separator: "\n")[1]
        for text in ["second-value", "tenant-value", String(key)] {
          #expect(!dump.contains(text) && !own.contains(text), "\(text) is in a dump of the configuration")
        }
        #expect(dump.contains("tracing:hosted/header/x-api-key"))
      }
    }
  }
}
