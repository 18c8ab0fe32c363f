import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel
import OrderedCollections
import Testing

@Suite("Inbounds of a pod with Services")
struct PodInboundTests {
  private typealias Port = ServiceShape.Port
  private let converter = PodConverter()

  @Test("There is one for each TCP port of each Service, Services by name, ports in their order")
  func order() {
    let services = [
      ServiceShape.with {
        $0.name = "web"
        $0.ports = [Port(number: 80, target: 8080), Port(number: 53, transport: "UDP", target: 5353)]
      },
      ServiceShape.with {
        $0.name = "api"
        $0.ports = [Port(number: 90, target: 9090), Port(number: 70, transport: "", target: 7070)]
      },
    ]
    let inbounds = converter.inbounds(PodShape(), services)
    #expect(inbounds.map(\.port) == [9090, 7070, 8080])
    #expect(
      inbounds.map { $0.tags["kuma.io/service"] } == ["api_shop_svc_90", "api_shop_svc_70", "web_shop_svc_80"])
  }

  // MARK: Which Services

  @Test(
    "A Service does not count",
    arguments: [
      Row("that is annotated kuma.io/ignore: enabled", 0) { $0.annotations["kuma.io/ignore"] = "enabled" },
      Row("that is annotated kuma.io/ignore: true", 0) { $0.annotations["kuma.io/ignore"] = "true" },
      Row("without a selector", 0) { $0.selector = [:] },
      Row("whose selector does not match", 0) { $0.selector["tier"] = "back" },
    ] as [Row<ServiceShape, Int>])
  func ignored(_ row: Row<ServiceShape, Int>) {
    let service = row.changing(ServiceShape())
    #expect(converter.inbounds(PodShape(), [service]).map(\.port) == [49_151])
    #expect(converter.inbounds(PodShape(), [service, ServiceShape()]).map(\.port) == [8080])
  }

  @Test("An annotation kuma.io/ignore that cannot be read does not count")
  func unreadableIgnore() {
    let service = ServiceShape.with { $0.annotations["kuma.io/ignore"] = "maybe" }
    #expect(converter.inbounds(PodShape(), [service]).map(\.port) == [8080])
  }

  @Test("An ExternalName Service gives no inbound, and alone it is an error as any Service without one")
  func externalName() {
    let external = ServiceShape.with {
      $0.name = "external"
      $0.type = "ExternalName"
      $0.clusterIPs = []
    }
    #expect(converter.inbounds(PodShape(), [external, ServiceShape()]).map(\.port) == [8080])
    #expect(converter.convert(PodShape(), [external]) == Self.unmatched)
  }

  @Test("Services that match but give no inbound are an error")
  func unmatched() {
    let byName = ServiceShape.with { $0.ports = [Port(target: "metrics")] }
    let udp = ServiceShape.with { $0.ports = [Port(transport: "UDP", target: 53)] }
    #expect(converter.convert(PodShape(), [byName]) == Self.unmatched)
    #expect(converter.convert(PodShape(), [udp]) == Self.unmatched)
  }

  private static let unmatched = PodConverter.Outcome.failure(
    "Failed to generate Kuma Dataplane: unable to translate a Pod into a Dataplane: "
      + "A service that selects pod web-1 was found, but it doesn't match any container ports.")

  @Test("Ignored labels of selectors do not count; what only they let match is Ignored")
  func ignoredLabels() {
    var settings = PodConverter.Settings()
    settings.ignoredServiceSelectorLabels = ["version"]
    let other = ServiceShape.with {
      $0.name = "canary"
      $0.selector["version"] = "2"
    }
    let inbounds = PodConverter(settings).inbounds(
      .with { $0.labels["version"] = "1" }, [ServiceShape(), other])
    #expect(inbounds.map(\.state) == ["Ignored", ""])
    #expect(inbounds.map(\.ready) == [false, true])
    #expect(inbounds.map(\.isHealthy) == [false, true])
  }

  // MARK: Ports

  @Test("A target port with a number needs no port of a container")
  func number() {
    let service = ServiceShape.with { $0.ports = [Port(target: 7000), Port(number: 81, target: "7001")] }
    // Text is a name, even if it looks like a number.
    #expect(converter.inbounds(PodShape(), [service]).map(\.port) == [7000])
  }

  @Test("A target port with a name is the container's port of that name and protocol; one that is not there is skipped")
  func name() {
    let pod = PodShape.with {
      $0.containers = [
        .init(name: "a", ports: [("http", 5000, "UDP"), ("admin", 6000, "")]),
        .init(name: "b", ports: [("http", 8080, "TCP")]),
      ]
    }
    let service = ServiceShape.with {
      $0.ports = [Port(target: "http"), Port(number: 81, target: "admin"), Port(number: 82, target: "none")]
    }
    #expect(converter.inbounds(pod, [service]).map(\.port) == [8080, 6000])
  }

  @Test("A Service port without a target port is its own target")
  func noTarget() {
    let object = KubernetesObject([
      "metadata": ["name": "web", "namespace": "shop"],
      "spec": ["selector": ["app": "web"], "ports": [["port": 8080]]],
    ])
    let surroundings = PodConverter.Surroundings(
      namespace: ObservedNamespace(), services: [ObservedService(object)])
    guard case .dataplane(let dataplane, _) = converter.convert(PodShape().observed, surroundings) else {
      Issue.record("there is no Dataplane")
      return
    }
    #expect(dataplane.networking?.inbound.map(\.port) == [8080])
  }

  @Test("A pod has at most a thousand")
  func limit() {
    let services = (0..<11).map { number in
      ServiceShape.with { service in
        service.name = "web-\(number)"
        service.ports = (0..<91).map { Port(number: 80 + $0, target: .integer(8000 + $0)) }
      }
    }
    let outcome = converter.convert(PodShape(), services)
    guard case .failure(let text) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(text.contains("11 Services select the pod, so it would have more than 1000 inbounds"))
    #expect(text.contains(#"kuma.io/ignore: "true""#))
  }

  // MARK: States

  @Test(
    "The state",
    arguments: [
      Row("is left out when nothing is known", ""),
      Row("is left out when all are ready", "") { $0.statuses = [("app", true, nil), ("kuma-sidecar", true, nil)] },
      Row("is NotReady when the container that declares the port is not", "NotReady") {
        $0.statuses = [("app", false, nil)]
      },
      Row("is NotReady when the sidecar is not", "NotReady") { $0.statuses = [("kuma-sidecar", false, nil)] },
      Row("is NotReady when the sidecar is an init container and is not", "NotReady") {
        $0.initStatuses = [("kuma-sidecar", false, nil)]
      },
      Row("is left out when another container is not ready", "") { $0.statuses = [("other", false, nil)] },
      Row("is left out when another init container is not ready", "") { $0.initStatuses = [("setup", false, nil)] },
      Row("is NotReady when the pod is being deleted", "NotReady") { $0.isBeingDeleted = true },
    ] as [Row<PodShape, String>])
  func state(_ row: Row<PodShape, String>) {
    let inbounds = converter.inbounds(row.changing(PodShape()))
    #expect(inbounds.map(\.state) == [row.expected])
    #expect(inbounds.map(\.ready) == [row.expected.isEmpty])
  }

  @Test("A port that no container declares does not follow any application container")
  func undeclaredPort() {
    let service = ServiceShape.with { $0.ports = [Port(target: 7000)] }
    let pod = PodShape.with { $0.statuses = [("app", false, nil)] }
    #expect(converter.inbounds(pod, [service]).map(\.state) == [""])
  }

  // MARK: Tags

  @Test("Tags are the pod's labels, the Service, the zone and the protocol")
  func tags() {
    let pod = PodShape.with {
      $0.labels = ["app": "web", "empty": "", "kuma.io/team": "x", "app.kubernetes.io/name": "w"]
    }
    #expect(
      converter.inbounds(pod).map(\.tags) == [
        [
          "app": "web", "app.kubernetes.io/name": "w", "k8s.kuma.io/namespace": "shop",
          "k8s.kuma.io/service-name": "web", "k8s.kuma.io/service-port": "80", "kuma.io/service": "web_shop_svc_80",
          "kuma.io/zone": "default", "kuma.io/protocol": "http",
        ]
      ])
  }

  @Test("There is no zone tag where no zone is configured")
  func zone() {
    var settings = PodConverter.Settings()
    settings.zone = ""
    #expect(PodConverter(settings).inbounds(PodShape()).map { $0.tags["kuma.io/zone"] } == [nil])
    settings.zone = "east"
    #expect(PodConverter(settings).inbounds(PodShape()).map { $0.tags["kuma.io/zone"] } == ["east"])
  }

  @Test("A headless Service gives each pod a tag of its own")
  func headless() {
    let service = ServiceShape.with { $0.clusterIPs = ["None"] }
    #expect(converter.inbounds(PodShape(), [service]).map { $0.tags["kuma.io/instance"] } == ["web-1"])
    #expect(converter.inbounds(PodShape()).map { $0.tags["kuma.io/instance"] } == [nil])
  }

  @Test("Labels of the node become tags, those that are configured")
  func nodeLabels() {
    let labels = [
      "topology.kubernetes.io/zone": "a", "topology.kubernetes.io/region": "eu", "kubernetes.io/os": "linux",
    ]
    let tags = converter.inbounds(PodShape(), nodeLabels: labels).first?.tags ?? [:]
    #expect(tags["topology.kubernetes.io/zone"] == "a")
    #expect(tags["topology.kubernetes.io/region"] == "eu")
    #expect(tags["kubernetes.io/os"] == nil)
  }

  // MARK: Protocols

  @Test(
    "The protocol is the appProtocol, else the annotation, else tcp",
    arguments: [
      ("http", nil, "http"), ("HTTP2", nil, "http2"), ("gRPC", nil, "grpc"), ("Kafka", "http", "kafka"),
      ("tcp", "http", "tcp"), (nil, "http", "http"), (nil, "GRPC", "grpc"), (nil, nil, "tcp"), (nil, "", "tcp"),
      ("", "http", "http"), ("MONGO", nil, "tcp"), ("MONGO", "http", "http"), ("kubernetes.io/h2c", nil, "tcp"),
      ("kubernetes.io/h2c", "http2", "http2"),
    ] as [(String?, String?, String)])
  func protocols(_ appProtocol: String?, _ annotation: String?, _ expected: String) {
    let service = ServiceShape.with {
      $0.ports = [Port(appProtocol: appProtocol)]
      $0.annotations["80.service.kuma.io/protocol"] = annotation
      $0.annotations["81.service.kuma.io/protocol"] = "kafka"
    }
    #expect(converter.inbounds(PodShape(), [service]).map { $0.tags["kuma.io/protocol"] } == [expected])
  }

  @Test("A port that does not say its protocol is told with the remedy")
  func advice() {
    func advice(_ ports: [Port], _ annotations: [String: String] = [:]) -> String? {
      ServiceProtocol.advice(
        about: ServiceShape.with {
          $0.ports = ports
          $0.annotations = annotations
        }.observed)
    }
    #expect(advice([Port(appProtocol: "http"), Port(number: 53, transport: "UDP")]) == nil)
    #expect(advice([Port(appProtocol: "tcp")]) == nil)
    #expect(advice([Port()], ["80.service.kuma.io/protocol": "http"]) == nil)
    #expect(
      advice([Port(), Port(number: 81, appProtocol: "https")])
        == #"port 80 has no appProtocol, port 81 has the appProtocol "https", which is none of grpc, http, http2, kafka, "#
        + "tcp; so the protocol is tcp and no request is traced; set appProtocol: http on the port, or the annotation "
        + "80.service.kuma.io/protocol: http on the Service (tcp, if it is not HTTP)")
  }
}
