import DemoShop
import MeshClient
import MeshModel
import OrderedCollections

/// The Kubernetes manifest of the demo: its services in a namespace whose pods get a proxy.
struct DemoManifest {
  /// The namespace of all objects.
  let namespace: String
  /// The container image of `kuma-demo`.
  let image: String
  /// The mesh of the proxies; `nil` for that of namespaces that name none, `default`.
  var mesh: String?

  /// The port at which the containers listen.
  private static let port: Int64 = 8080

  /// The manifest: the namespace, and accounts, Services and Deployments.
  var text: String {
    get throws {
      try KubernetesNamespace.check(namespace)
      try ContainerImage.check(image, option: "--registry or --version")
      if let mesh, !NameRules.violations(ofNewName: mesh).isEmpty {
        throw CommandFailure("--mesh: \(mesh.quoted) is not a valid name of a mesh")
      }
      let services = DemoShop.services
      let objects =
        [namespaceObject] + services.map(account) + services.map(service) + services.map(deployment)
      return objects.map { $0.yaml(sortKeys: false) }.joined(separator: "---\n")
    }
  }

  private var namespaceObject: DocumentValue {
    var metadata: DocumentValue.Object = [
      "name": .string(namespace), "labels": ["kuma.io/sidecar-injection": "enabled"],
    ]
    if let mesh { metadata["annotations"] = ["kuma.io/mesh": .string(mesh)] }
    return ["apiVersion": "v1", "kind": "Namespace", "metadata": .object(metadata)]
  }

  private func labels(_ service: DemoShop.Service) -> DocumentValue {
    ["app": .string(service.name), "app.kubernetes.io/part-of": "kuma-demo"]
  }

  private func object(
    _ kind: String, of apiVersion: String, for service: DemoShop.Service, _ content: DocumentValue.Object
  ) -> DocumentValue {
    let head: DocumentValue.Object = [
      "apiVersion": .string(apiVersion), "kind": .string(kind),
      "metadata": [
        "name": .string(service.name), "namespace": .string(namespace), "labels": labels(service),
      ],
    ]
    return .object(head.merging(content) { first, _ in first })
  }

  private func account(_ service: DemoShop.Service) -> DocumentValue {
    object("ServiceAccount", of: "v1", for: service, [:])
  }

  /// Only an HTTP port leads to spans, and `appProtocol` is what says that it is one.
  private func service(_ service: DemoShop.Service) -> DocumentValue {
    object(
      "Service", of: "v1", for: service,
      [
        "spec": [
          "type": "ClusterIP", "selector": ["app": .string(service.name)],
          "ports": [["name": "http", "port": 80, "protocol": "TCP", "targetPort": "http", "appProtocol": "http"]],
        ]
      ])
  }

  private func deployment(_ service: DemoShop.Service) -> DocumentValue {
    object(
      "Deployment", of: "apps/v1", for: service,
      [
        "spec": [
          "replicas": 1, "selector": ["matchLabels": ["app": .string(service.name)]],
          "template": [
            "metadata": ["labels": labels(service)],
            "spec": [
              "serviceAccountName": .string(service.name), "containers": [container(service)],
            ],
          ],
        ]
      ])
  }

  private func container(_ service: DemoShop.Service) -> DocumentValue {
    var arguments = [
      "service", "--name", service.name, "--address", "0.0.0.0", "--port", "\(Self.port)", "--work",
      "\(service.workMilliseconds)",
    ]
    if let every = service.failsEvery { arguments += ["--fail-every", "\(every)"] }
    for call in service.calls { arguments += ["--call", "\(call)=http://\(call)"] }
    let health: DocumentValue = ["httpGet": ["path": "/health", "port": "http"], "periodSeconds": 5]
    return [
      "name": .string(service.name), "image": .string(image), "imagePullPolicy": "IfNotPresent",
      "args": .array(arguments.map { .string($0) }),
      "ports": [["name": "http", "containerPort": .integer(Self.port), "protocol": "TCP"]],
      "readinessProbe": health, "livenessProbe": health,
      "resources": ["requests": ["cpu": "10m", "memory": "32Mi"], "limits": ["memory": "128Mi"]],
      "securityContext": [
        "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "readOnlyRootFilesystem": true,
        "allowPrivilegeEscalation": false, "capabilities": ["drop": ["ALL"]],
      ],
    ]
  }
}
