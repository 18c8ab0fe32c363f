import MeshClient
import MeshModel
import OrderedCollections

/// The Kubernetes manifest of a Jaeger in one container.
///
/// The objects, their names and ports are the same as in Kuma, so that the collector's address in its documentation works:
/// `http://jaeger-collector.kuma-tracing:9411/api/v2/spans`.
struct JaegerManifest {
  /// The namespace of all objects.
  let namespace: String
  /// The container image.
  let image: String
  /// The mesh of the namespace. If it is set, sidecars are not injected, and Jaeger accepts OpenTelemetry.
  var mesh: String?

  /// The last release of Jaeger 1, which reads its settings from the environment.
  static let defaultImage = "jaegertracing/all-in-one:1.76.0"

  /// The manifest: the namespace, and a list of its objects.
  var text: String {
    get throws {
      try KubernetesNamespace.check(namespace)
      try ContainerImage.check(image, option: "--image")
      let list: DocumentValue = [
        "apiVersion": "v1", "kind": "List",
        "items": .array([
          deployment,
          service("jaeger-query", component: "query", ports: [Port("query-http", 80, target: 16_686)]),
          service("jaeger-collector", component: "collector", ports: collectorPorts),
          service("jaeger-agent", component: "agent", ports: Self.agentPorts, isHeadless: true),
          service("zipkin", component: "zipkin", ports: [Self.zipkinPort], isHeadless: true),
        ]),
      ]
      return namespaceDocument.yaml(sortKeys: false) + "---\n" + list.yaml(sortKeys: false)
    }
  }

  private struct Port {
    let name: String
    let number: Int64
    let target: Int64
    let transport: String

    init(_ name: String, _ number: Int64, target: Int64? = nil, transport: String = "TCP") {
      self.name = name
      self.number = number
      self.target = target ?? number
      self.transport = transport
    }
  }

  private static let zipkinPort = Port("jaeger-collector-zipkin", 9411)
  private static let openTelemetryPorts = [Port("grpc-otlp", 4317), Port("http-otlp", 4318)]
  private static let agentPorts = [
    Port("agent-zipkin-thrift", 5775, transport: "UDP"), Port("agent-compact", 6831, transport: "UDP"),
    Port("agent-binary", 6832, transport: "UDP"), Port("agent-configs", 5778),
  ]

  private var collectorPorts: [Port] {
    [Port("jaeger-collector-tchannel", 14_267), Port("jaeger-collector-http", 14_268), Self.zipkinPort]
      + (mesh == nil ? [] : Self.openTelemetryPorts)
  }

  private var namespaceDocument: DocumentValue {
    var metadata: DocumentValue.Object = ["name": .string(namespace)]
    if let mesh {
      metadata["labels"] = ["kuma.io/sidecar-injection": "disabled"]
      metadata["annotations"] = ["kuma.io/mesh": .string(mesh)]
    }
    return ["apiVersion": "v1", "kind": "Namespace", "metadata": .object(metadata)]
  }

  private func metadata(_ name: String, component: String) -> DocumentValue {
    [
      "name": .string(name), "namespace": .string(namespace),
      "labels": [
        "app": "jaeger", "app.kubernetes.io/name": "jaeger", "app.kubernetes.io/component": .string(component),
      ],
    ]
  }

  private var deployment: DocumentValue {
    let containerPorts =
      Self.agentPorts + [Port("query", 16_686), Self.zipkinPort] + (mesh == nil ? [] : Self.openTelemetryPorts)
    var environment: [DocumentValue] = [["name": "COLLECTOR_ZIPKIN_HOST_PORT", "value": "9411"]]
    if mesh != nil { environment.append(["name": "COLLECTOR_OTLP_ENABLED", "value": "true"]) }
    let container: DocumentValue = [
      "name": "jaeger", "image": .string(image), "env": .array(environment),
      "ports": .array(
        containerPorts.map { ["containerPort": .integer($0.target), "protocol": .string($0.transport)] }),
      "readinessProbe": ["httpGet": ["path": "/", "port": 14_269], "initialDelaySeconds": 5],
    ]
    return [
      "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("jaeger", component: "all-in-one"),
      "spec": [
        "replicas": 1, "strategy": ["type": "Recreate"], "selector": ["matchLabels": ["app": "jaeger"]],
        "template": [
          "metadata": [
            "labels": [
              "app": "jaeger", "app.kubernetes.io/name": "jaeger", "app.kubernetes.io/component": "all-in-one",
            ],
            "annotations": ["prometheus.io/scrape": "true", "prometheus.io/port": "16686"],
          ],
          "spec": ["containers": .array([container])],
        ],
      ],
    ]
  }

  private func service(_ name: String, component: String, ports: [Port], isHeadless: Bool = false) -> DocumentValue {
    let address: DocumentValue.Object = isHeadless ? ["clusterIP": "None"] : ["type": "ClusterIP"]
    let spec: DocumentValue.Object = [
      "ports": .array(
        ports.map { port in
          [
            "name": .string(port.name), "port": .integer(port.number), "protocol": .string(port.transport),
            "targetPort": .integer(port.target),
          ]
        }),
      "selector": ["app.kubernetes.io/name": "jaeger", "app.kubernetes.io/component": "all-in-one"],
    ]
    return [
      "apiVersion": "v1", "kind": "Service", "metadata": metadata(name, component: component),
      "spec": .object(address.merging(spec) { first, _ in first }),
    ]
  }
}
