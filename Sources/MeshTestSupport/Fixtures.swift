public import MeshModel

extension Resource {
  /// A mesh with a Zipkin backend for each name; the first is the default.
  public static func mesh(_ name: String = "default", backends: [String] = ["jaeger"]) -> Resource {
    let tracing = Mesh.Tracing(
      defaultBackend: backends.first ?? "",
      backends: backends.map {
        TracingBackend(name: $0, sampling: 100, zipkin: ZipkinConf(url: "http://\($0):9411/api/v2/spans"))
      })
    return Resource(name: name, spec: .mesh(Mesh(tracing: backends.isEmpty ? nil : tracing)))
  }

  /// A policy with one selector.
  public static func trafficTrace(
    _ name: String, mesh: String = "default", match: [String: String] = [TagName.service: TrafficTrace.wildcard],
    backend: String = "jaeger"
  ) -> Resource {
    Resource(
      mesh: mesh, name: name,
      spec: .trafficTrace(TrafficTrace(selectors: [TrafficTrace.Selector(match: match)], backend: backend)))
  }

  /// A proxy with one HTTP inbound.
  public static func dataplane(
    _ name: String, mesh: String = "default", service: String = "web", address: String = "10.0.0.1", port: UInt32 = 80
  ) -> Resource {
    Resource(
      mesh: mesh, name: name,
      spec: .dataplane(
        Dataplane(
          networking: Dataplane.Networking(
            address: address,
            inbound: [
              Dataplane.Inbound(port: port, tags: [TagName.service: service, TagName.protocol: "http"])
            ],
            outbound: [Dataplane.Outbound(port: 10_001, tags: [TagName.service: "api"])]))))
  }

  /// An insight with one connection.
  public static func insight(_ name: String, mesh: String = "default", sent: UInt64 = 1) -> Resource {
    let counts = DataplaneInsight.Counts(responsesSent: sent)
    return Resource(
      mesh: mesh, name: name,
      spec: .dataplaneInsight(
        DataplaneInsight(subscriptions: [
          DataplaneInsight.Subscription(
            id: "1", controlPlaneInstanceId: "cp-1", connectTime: Timestamp(seconds: 1_700_000_000, nanoseconds: 1),
            status: DataplaneInsight.Status(
              lastUpdateTime: Timestamp(seconds: 1_700_000_001), counts: [.cds: counts, .lds: counts]))
        ])))
  }

  /// A certificate in PEM form. It names `a`, signs itself, and its key is kept nowhere.
  public static let testCertificate = """
    -----BEGIN CERTIFICATE-----
    MIIBbjCCARWgAwIBAgIUATXiDW+BD2fot540w4COnsDR/iswCgYIKoZIzj0EAwIw
    DDEKMAgGA1UEAwwBYTAgFw0yNjExMjkxMjU4MjBaGA8yMTI2MTEwNTEyNTgyMFow
    DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJyrhgyQArF4
    ridnWUT7SCYPfiBofIiDW2HiShfZlXd4Pdkz8R9ZdiuCG+9Z4kuZIAh63U6D4Plb
    om8gVxiFe0OjUzBRMB0GA1UdDgQWBBQWtpes9vK8q5cvPqTEA1ZPhyzJgjAfBgNV
    HSMEGDAWgBQWtpes9vK8q5cvPqTEA1ZPhyzJgjAPBgNVHRMBAf8EBTADAQH/MAoG
    CCqGSM49BAMCA0cAMEQCIGKkRP0cMgrQ89/0xed+QNF5waNtOcgKlCsMqiUpMW7y
    AiA72D+nQUgKNVW9hOQ4W54oUFuVzmPb4ynHuPKQGeUdKQ==
    -----END CERTIFICATE-----

    """
}
