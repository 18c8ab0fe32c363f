import Documents
import KubernetesTestSupport
import MeshModel
import MeshTestSupport
import OrderedCollections
import TestSupport
import Testing

/// Sidecars through the real webhook: what the real API server stores of pods that kubectl and controllers create.
@Suite(.onKubernetes, .heavy, .timeLimit(.minutes(60))) struct InjectionTests {
  /// The server, with a mesh of the test's own.
  private struct Place {
    let server: KubernetesServer
    let controlPlane: ControlPlaneOnKubernetes
    let mesh: String
    /// The namespaces of samples by what they say.
    private(set) var namespaces: [DocumentValue: String] = [:]

    init() async throws {
      let cluster = try await RunningCluster.shared()
      (server, controlPlane) = (cluster.server, cluster.controlPlane)
      mesh = RunningCluster.name("injection")
      try await server.apply(RunningCluster.mesh(mesh))
    }

    /// A namespace of the test's own for that of a sample, whose pods belong to the test's mesh unless it says another.
    mutating func namespace(for sample: DocumentValue.Object) async throws -> String {
      let labels = sample["metadata"]?["labels"] ?? [:]
      var annotations = sample["metadata"]?["annotations"]?.object ?? [:]
      let key: DocumentValue = [labels, .object(annotations)]
      if let known = namespaces[key] { return known }
      if annotations["kuma.io/mesh"] != "other", annotations["kuma.io/mesh"] != "nowhere" {
        annotations["kuma.io/mesh"] = .string(mesh)
      }
      let name = RunningCluster.name("injection")
      let namespace: DocumentValue = [
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": ["name": .string(name), "labels": labels, "annotations": .object(annotations)],
      ]
      try await server.apply(namespace.json())
      // A pod needs the token of its service account.
      try await eventually("the service account of \(name)") {
        let account = try await server.kubectl(
          .newest, "get", "serviceaccount", "default", "-n", name, "-o", "jsonpath={.secrets}")
        return account.isSuccess && account.output.contains("token")
      }
      namespaces[key] = name
      return name
    }

    func remove() async throws {
      for name in namespaces.values {
        _ = try await server.kubectl(.newest, "delete", "namespace", name, "--wait=false")
      }
      _ = try await server.kubectl(.newest, "delete", "mesh", mesh, "--wait=false")
    }
  }

  // MARK: Pods

  @Test("Pods of every shape get what the samples say") func samples() async throws {
    var place = try await Place()
    let samples = try PodSample.all().filter { $0.isOfEveryVersion && $0.hasUsualSettings }
    var pods: [String] = []
    for sample in samples {
      var pod = sample.pod
      var metadata = pod["metadata"]?.object ?? [:]
      if metadata["generateName"] != nil {
        metadata["generateName"] = .string("\(sample.name)-")
      } else {
        metadata["name"] = .string(sample.name)
      }
      metadata["namespace"] = .string(try await place.namespace(for: sample.namespace))
      if metadata["annotations"]?["kuma.io/mesh"] != nil {
        var annotations = metadata["annotations"]?.object ?? [:]
        annotations["kuma.io/mesh"] = .string(place.mesh)
        metadata["annotations"] = .object(annotations)
      }
      pod["metadata"] = .object(metadata)
      pods.append(DocumentValue.object(pod).json())
    }
    let answer = try await place.server.kubectl(
      .newest, "create", "--validate=false", "-f", "-", "-o", "yaml", input: pods.joined(separator: "\n---\n"))
    #expect(answer.isSuccess, "\(answer.errors)")
    let stored = try DocumentValue.yamlDocuments(answer.output)
    var warnings: Set<String> = []
    for sample in samples {
      let expected = try sample.expected()
      warnings.formUnion(expected.warnings)
      let actual = stored.first {
        ($0["metadata"]?["generateName"]?.string ?? "\($0["metadata"]?["name"]?.string ?? "")-") == "\(sample.name)-"
      }
      let pod = try #require(actual, "\(sample)")
      let comparison = PodComparison(place: (place.mesh, place.controlPlane))
      #expect(comparison.differences(.object(expected.pod), pod).isEmpty, "\(sample)")
      #expect(Self.names(pod, "containers") == Self.names(.object(expected.pod), "containers"), "\(sample)")
      #expect(Self.names(pod, "initContainers") == Self.names(.object(expected.pod), "initContainers"), "\(sample)")
    }
    // kubectl prints a warning once, whatever number of objects it is about.
    let printed = answer.errors.split(separator: "\n").filter { $0.hasPrefix("Warning: ") }
    #expect(Set(printed.map { String($0.dropFirst("Warning: ".count)) }) == warnings)
    try await place.remove()
  }

  private static func names(_ pod: DocumentValue, _ list: String) -> [String] {
    (pod["spec"]?[list]?.array ?? []).compactMap { $0["name"]?.string }
  }

  @Test("The pods of a Deployment get sidecars; a refusal is an event of its ReplicaSet") func deployment() async throws
  {
    var place = try await Place()
    let namespace = try await place.namespace(for: try PodSample("minimal").namespace)
    func deployment(_ name: String, _ annotations: String) -> String {
      """
      {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "\(name)", "namespace": "\(namespace)"},
       "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "\(name)"}}, "template": {
         "metadata": {"labels": {"app": "\(name)"}, "annotations": \(annotations)},
         "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}}}}
      """
    }
    try await place.server.apply(deployment("web", #"{"team": "storefront"}"#))
    let pods = try await eventually("the pods of the Deployment") { () -> [DocumentValue]? in
      let answer = try await place.server.succeed(["get", "pods", "-n", namespace, "-l", "app=web", "-o", "json"])
      let items = try DocumentValue(json: Array(answer.utf8))["items"]?.array ?? []
      return items.count == 2 ? items : nil
    }
    for pod in pods {
      #expect(Self.names(pod, "containers") == ["kuma-sidecar", "web"])
      #expect(Self.names(pod, "initContainers") == ["kuma-init"])
      #expect(pod["metadata"]?["annotations"]?["team"] == "storefront")
      #expect(pod["metadata"]?["annotations"]?["kuma.io/mesh"]?.string == place.mesh)
      // The token is that of the application's container, wherever this version of Kubernetes keeps it.
      let sidecar = pod["spec"]?["containers"]?.array?.first
      let mounts = (sidecar?["volumeMounts"]?.array ?? []).compactMap { $0["mountPath"]?.string }
      #expect(Set(mounts) == ["/tmp", "/var/run/secrets/kubernetes.io/serviceaccount"])
    }

    try await place.server.apply(deployment("lost", #"{"kuma.io/mesh": "nowhere"}"#))
    try await eventually("the event of the ReplicaSet") {
      let events = try await place.server.succeed(
        ["get", "events", "-n", namespace, "-o", "jsonpath={range .items[*]}{.reason}: {.message}{\"\\n\"}{end}"])
      return events.split(separator: "\n").contains {
        $0.hasPrefix("FailedCreate: ") && $0.contains(#"denied the request: meshes.kuma.io "nowhere" not found"#)
      }
    }
    try await place.remove()
  }

  // MARK: Refusals

  @Test("kubectl shows why a pod cannot get its sidecar", arguments: KubectlAge.allCases)
  func refusals(_ age: KubectlAge) async throws {
    var place = try await Place()
    // A namespace whose label is wrong gets no sidecars at all: the API server selects by it, and does not ask.
    let rows = InjectionRefusals.rows.filter { $0.description != "label of the namespace" }
    var pods: [String] = []
    var expected: [String] = []
    for row in rows {
      var pod = row.pod.object ?? [:]
      var metadata = pod["metadata"]?.object ?? [:]
      metadata["namespace"] = .string(try await place.namespace(for: row.namespace))
      pod["metadata"] = .object(metadata)
      pods.append(DocumentValue.object(pod).json())
      expected.append(
        #"Error from server: error when creating "STDIN": admission webhook "namespace-kuma-injector.kuma.io" denied the "#
          + "request: \(row.message)")
    }
    let answer = try await place.server.kubectl(
      age, "create", "--validate=false", "-f", "-", input: pods.joined(separator: "\n---\n"))
    #expect(!answer.isSuccess && answer.output.isEmpty)
    let lines = answer.errors.split(separator: "\n").map(String.init)
    #expect(lines == expected)
    try await place.remove()
  }

  // MARK: Services

  @Test("A Service without a protocol is told about where pods have sidecars", arguments: KubectlAge.allCases)
  func services(_ age: KubectlAge) async throws {
    var place = try await Place()
    let injected = try await place.namespace(for: try PodSample("minimal").namespace)
    let plain = try await place.namespace(for: try PodSample("label-on-pod").namespace)
    func service(_ name: String, in namespace: String, _ spec: String, annotations: String = "{}") -> String {
      """
      {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "\(name)", "namespace": "\(namespace)",
       "annotations": \(annotations)}, "spec": \(spec)}
      """
    }
    let ports = #""selector": {"app": "web"}, "ports": [{"port": 80}]"#
    let silent = [
      service("plain", in: plain, "{\(ports)}"),
      service("ignored", in: injected, "{\(ports)}", annotations: #"{"kuma.io/ignore": "true"}"#),
      service("external", in: injected, #"{"type": "ExternalName", "externalName": "db.example", \#(ports)}"#),
      service("endpoints", in: injected, #"{"ports": [{"port": 80}]}"#),
      service("told", in: injected, "{\(ports)}", annotations: #"{"80.service.kuma.io/protocol": "tcp"}"#),
      service("http", in: injected, #"{"selector": {"app": "web"}, "ports": [{"port": 80, "appProtocol": "http"}]}"#),
      service("dns", in: injected, #"{"selector": {"app": "web"}, "ports": [{"port": 53, "protocol": "UDP"}]}"#),
    ]
    func apply(_ documents: [String]) async throws -> [String] {
      let answer = try await place.server.kubectl(
        age, "apply", "-f", "-", input: documents.joined(separator: "\n---\n"))
      #expect(answer.isSuccess, "\(answer)")
      return answer.errors.split(separator: "\n").map(String.init)
    }
    #expect(try await apply(silent) == [])
    let first =
      "no appProtocol, so the protocol is tcp and no request is traced; set appProtocol: http on the port, or the annotation "
    let last = ": http on the Service (tcp, if it is not HTTP)"
    #expect(
      try await apply([service("web", in: injected, "{\(ports)}")]) == [
        "Warning: Service \"web\": port 80 has \(first)80.service.kuma.io/protocol\(last)"
      ])
    #expect(
      try await apply([
        service(
          "api", in: injected,
          #"{"selector": {"app": "web"}, "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 8080}]}"#)
      ]) == ["Warning: Service \"api\": ports 80, 8080 have \(first)80.service.kuma.io/protocol\(last)"])
    try await place.remove()
  }
}
