import Documents
import MeshKubernetes
import MeshModel
import MeshPolicy
import OrderedCollections
import Testing

@Suite("Sections of a pod's Dataplane")
struct PodSectionTests {
  private let converter = PodConverter()
  private static let prefix = "Failed to generate Kuma Dataplane: unable to translate a Pod into a Dataplane: "
  private static let redirected = [
    "kuma.io/sidecar-injected": "true", "kuma.io/transparent-proxying": "enabled",
    "kuma.io/transparent-proxying-inbound-port": "15006", "kuma.io/transparent-proxying-outbound-port": "15001",
  ]

  @Test("Address and admin port are the pod's")
  func networking() {
    let networking = converter.dataplane(.with { $0.annotations["kuma.io/envoy-admin-port"] = "9901" })?.networking
    #expect(networking?.address == "10.1.2.3")
    #expect(networking?.adminPort == 9901)
    #expect(networking?.outbound == [])
    #expect(networking?.transparentProxying == nil)
    #expect(converter.dataplane(PodShape())?.networking?.adminPort == nil)
  }

  @Test("What is converted is the same after it was written and read")
  func roundTrip() throws {
    let pod = PodShape.with {
      $0.annotations = Self.redirected.merging([
        "kuma.io/virtual-probes": "true", "kuma.io/virtual-probes-port": "9000", "kuma.io/envoy-admin-port": "9901",
        "prometheus.metrics.kuma.io/port": "1234", "kuma.io/direct-access-services": "*",
      ]) { $1 }
      $0.containers[0].probes = [("livenessProbe", ["port": 9000, "path": "/8080/live"])]
      $0.statuses = [("app", false, nil)]
    }
    let services = [ServiceShape(), .with { ($0.name, $0.clusterIPs) = ("each", ["None"]) }]
    let dataplane = try #require(converter.dataplane(pod, services))
    let read = try Dataplane.read(.object(dataplane.document))
    #expect(read.content == dataplane)
    #expect(read.notices.isEmpty)
  }

  // MARK: Redirection

  @Test(
    "networking.transparentProxying",
    arguments: [
      Row("has both ports and both families", [:]),
      Row("has one family", ["ip-family-mode": "ipv4"]) { $0.ipFamilyMode = .ipv4 },
      Row("names both families", ["ip-family-mode": "dualstack"]),
      Row("has one family in the form of earlier pods", ["inbound-v6-port": "0"]) { $0.ipFamilyMode = .ipv4 },
      Row("has another port for IPv6", ["inbound-v6-port": "15010"]) { $0.redirectPortInboundV6 = 15_010 },
      Row("has reachable services", ["reachable-services": "a,,b"]) { $0.reachableServices = ["a", "b"] },
      Row("has no restriction where no service is named", ["reachable-services": ","]),
    ] as [Row<Dataplane.TransparentProxying, [String: String]>])
  func transparentProxying(_ row: Row<Dataplane.TransparentProxying, [String: String]>) {
    let pod = PodShape.with { pod in
      pod.annotations = Self.redirected
      for (key, value) in row.expected { pod.annotations["kuma.io/transparent-proxying-\(key)"] = value }
    }
    let usual = Dataplane.TransparentProxying(redirectPortInbound: 15_006, redirectPortOutbound: 15_001)
    #expect(converter.dataplane(pod)?.networking?.transparentProxying == row.changing(usual))
  }

  @Test("kuma.io/direct-access-services is a list")
  func directAccess() {
    let pod = PodShape.with {
      $0.annotations = Self.redirected
      $0.annotations["kuma.io/direct-access-services"] = "a,b"
    }
    #expect(converter.dataplane(pod)?.networking?.transparentProxying?.directAccessServices == ["a", "b"])
  }

  @Test(
    "Redirection is refused",
    arguments: [
      ("inbound-port", nil, "transparent proxying inbound port has to be set in transparent mode"),
      ("outbound-port", nil, "transparent proxying outbound port has to be set in transparent mode"),
      ("ip-family-mode", "ipv6", "invalid ip family mode 'ipv6'"),
      (
        "inbound-port", "x",
        #"failed to parse annotation "kuma.io/transparent-proxying-inbound-port": strconv.ParseUint: parsing "x": "#
          + "invalid syntax"
      ),
    ] as [(String, String?, String)])
  func refusedRedirection(_ key: String, _ value: String?, _ reason: String) {
    let pod = PodShape.with {
      $0.annotations = Self.redirected
      $0.annotations["kuma.io/transparent-proxying-\(key)"] = value
    }
    #expect(converter.convert(pod) == .failure(Self.prefix + reason))
  }

  @Test("There is none when kuma.io/transparent-proxying is disabled")
  func noRedirection() {
    let pod = PodShape.with {
      $0.annotations = Self.redirected
      $0.annotations["kuma.io/transparent-proxying"] = "disabled"
    }
    #expect(converter.dataplane(pod)?.networking?.transparentProxying == nil)
  }

  // MARK: Probes

  private static let probed = [
    "kuma.io/sidecar-injected": "true", "kuma.io/virtual-probes": "enabled", "kuma.io/virtual-probes-port": "9000",
  ]

  @Test("Virtual probes are read back, those of the application's containers")
  func probes() {
    let pod = PodShape.with {
      $0.annotations = Self.probed
      $0.containers = [
        .init(probes: [
          ("startupProbe", ["port": 9000, "path": "/8080/start"]),
          ("livenessProbe", ["port": 9000, "path": "/8080/a/b"]),
          ("readinessProbe", ["port": 9000, "path": "/8081"]),
        ]),
        .init(name: "kuma-sidecar", probes: [("readinessProbe", ["port": 9901, "path": "/ready"])]),
      ]
    }
    #expect(
      converter.dataplane(pod)?.probes
        == Dataplane.Probes(
          port: 9000,
          endpoints: [
            .init(inboundPort: 8080, inboundPath: "/a/b", path: "/8080/a/b"),
            .init(inboundPort: 8081, inboundPath: "/", path: "/8081"),
            .init(inboundPort: 8080, inboundPath: "/start", path: "/8080/start"),
          ]))
  }

  @Test("Probes that no proxy can serve in plain stay as they are")
  func otherProbes() {
    let pod = PodShape.with {
      $0.annotations = Self.probed
      $0.containers[0].probes = [
        ("livenessProbe", ["port": 8443, "path": "/", "scheme": "HTTPS"]),
        ("readinessProbe", ["port": 8080, "path": "/", "host": "example.com"]),
        ("startupProbe", ["port": "unknown", "path": "/"]),
      ]
    }
    #expect(converter.dataplane(pod)?.probes == Dataplane.Probes(port: 9000))
  }

  @Test(
    "A probe that was not rewritten is an error",
    arguments: [
      (["port": 8080, "path": "/x"], "probe's port 8080 should be equal to virtual port 9000"),
      (["port": 9000, "path": "x"], "not enough segments in probe's path"),
      (["port": 9000, "path": ""], "not enough segments in probe's path"),
      (["port": 9000, "path": "/x/y"], "invalid port value x"),
    ] as [(DocumentValue, String)])
  func realProbe(_ action: DocumentValue, _ reason: String) {
    let pod = PodShape.with {
      $0.annotations = Self.probed
      $0.containers[0].probes = [("livenessProbe", action)]
    }
    #expect(converter.convert(pod) == .failure(Self.prefix + "unable to convert virtual probe to real: \(reason)"))
  }

  @Test("Virtual probes need a port; disabled ones do not")
  func probesPort() {
    var pod = PodShape.with { $0.annotations = Self.probed }
    pod.annotations["kuma.io/virtual-probes-port"] = nil
    #expect(converter.convert(pod) == .failure(Self.prefix + "kuma.io/virtual-probes-port annotation doesn't exist"))
    pod.annotations["kuma.io/virtual-probes"] = "disabled"
    #expect(converter.dataplane(pod) != nil)
    #expect(converter.dataplane(pod)?.probes == nil)
  }

  // MARK: Metrics

  @Test(
    "Metrics come from prometheus.metrics.kuma.io",
    arguments: [
      ([:], nil),
      (["port": "1234", "path": "/m"], ["type": "prometheus", "conf": ["path": "/m", "port": 1234]]),
      (["path": "/m"], ["type": "prometheus", "conf": ["path": "/m"]]),
      (
        [
          "aggregate-b-port": "81", "aggregate-a-b-port": "80", "aggregate-a-b-path": "/a",
          "aggregate-b-address": "::1",
        ],
        [
          "type": "prometheus",
          "conf": [
            "aggregate": [
              ["name": "a-b", "path": "/a", "port": 80, "enabled": true],
              ["name": "b", "path": "/metrics", "port": 81, "enabled": true, "address": "::1"],
            ]
          ],
        ]
      ),
      (
        ["aggregate-a-enabled": "false"],
        [
          "type": "prometheus",
          "conf": ["aggregate": [["name": "a", "path": "/metrics", "enabled": false]]],
        ]
      ),
    ] as [([String: String], DocumentValue?)])
  func metrics(_ annotations: [String: String], _ expected: DocumentValue?) {
    let pod = PodShape.with { pod in
      for (key, value) in annotations { pod.annotations["prometheus.metrics.kuma.io/\(key)"] = value }
    }
    #expect(converter.dataplane(pod)?.otherSections["metrics"] == expected)
  }

  @Test("An application whose metrics are collected needs a port")
  func metricsPort() {
    let pod = PodShape.with { $0.annotations["prometheus.metrics.kuma.io/aggregate-a-path"] = "/a" }
    #expect(converter.convert(pod) == .failure(Self.prefix + "port needs to be specified for metrics scraping"))
  }

  // MARK: Addresses of Services

  @Test(
    "Where clients reach a Service",
    arguments: [
      Row("its ClusterIP and ports, without UDP", ["web_shop_svc_80": .virtual(["10.96.0.1"], port: 80)]),
      Row("ClusterIPs of both families", ["web_shop_svc_80": .virtual(["10.96.0.1", "fd00::1"], port: 80)]) {
        $0.clusterIPs = ["10.96.0.1", "fd00::1"]
      },
      Row("the addresses of its pods when it is headless", ["web_shop_svc_80": .headless]) {
        $0.clusterIPs = ["None"]
      },
      Row("nowhere while it has no address", [:]) { $0.clusterIPs = [] },
      Row("nowhere when it is ExternalName", [:]) { $0.type = "ExternalName" },
      Row("also when it has no selector", ["web_shop_svc_80": .virtual(["10.96.0.1"], port: 80)]) {
        $0.selector = [:]
      },
    ] as [Row<ServiceShape, [String: ServiceAddress]>])
  func addresses(_ row: Row<ServiceShape, [String: ServiceAddress]>) {
    let service = ServiceShape.with { $0.ports.append(.init(number: 53, transport: "UDP", target: 53)) }
    #expect(row.changing(service).observed.addresses == row.expected)
  }
}
