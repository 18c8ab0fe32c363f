import Documents
import KubernetesTestSupport
import MeshModel
import MeshTestSupport
import OrderedCollections
import TestSupport
import Testing

/// Sidecars through the real webhook: what the real API server stores of pods that kubectl and controllers create.
@Suite(.onKubernetes, .heavy, .timeLimit(.minutes(60))) struct InjectionTests {
  /// The server, with a mesh and the namespaces of all samples, once for all tests.
  private struct Place {
    let server: KubernetesServer
    let controlPlane: ControlPlaneOnKubernetes
    let mesh = RunningCluster.name("injection")
    /// The namespaces by what those of the samples say.
    private var namespaces: [DocumentValue: String] = [:]

    static func shared() async throws -> Place { try await task.value }

    private static let task = Task {
      let samples = try PodSample.all().map(\.namespace) + InjectionRefusals.rows.map(\.namespace)
      return try await Place(namespaces: samples)
    }

    private init(namespaces samples: [DocumentValue.Object]) async throws {
      let cluster = try await RunningCluster.shared()
      (server, controlPlane) = (cluster.server, cluster.controlPlane)
      var documents = [RunningCluster.mesh(mesh)]
      for sample in samples where namespaces[Self.key(sample)] == nil {
        let name = "\(mesh)-\(namespaces.count)"
        namespaces[Self.key(sample)] = name
        var annotations = sample["metadata"]?["annotations"]?.object ?? [:]
        // Pods belong to the mesh of the tests unless their namespace says another.
        if ["other", "nowhere"].allSatisfy({ annotations["kuma.io/mesh"]?.string != $0 }) {
          annotations["kuma.io/mesh"] = .string(mesh)
        }
        let metadata: DocumentValue = [
          "name": .string(name), "labels": sample["metadata"]?["labels"] ?? [:], "annotations": .object(annotations),
        ]
        documents.append(
          DocumentValue.object(["apiVersion": "v1", "kind": "Namespace", "metadata": metadata]).json())
      }
      try await server.apply(documents.joined(separator: "\n---\n"))
      // A pod needs the token of its service account.
      let wanted = Set(namespaces.values)
      try await eventually("the service accounts") { [server] in
        let answer = try await server.succeed(["get", "serviceaccounts", "--all-namespaces", "-o", "json"])
        let accounts = try DocumentValue(json: Array(answer.utf8))["items"]?.array ?? []
        let ready = accounts.filter { $0["secrets"]?.array?.isEmpty == false }
        return wanted.isSubset(of: ready.compactMap { $0["metadata"]?["namespace"]?.string })
      }
    }

    private static func key(_ sample: DocumentValue.Object) -> DocumentValue {
      [sample["metadata"]?["labels"] ?? [:], sample["metadata"]?["annotations"] ?? [:]]
    }

    /// The namespace for that of a sample.
    func namespace(for sample: DocumentValue.Object) throws -> String {
      try #require(namespaces[Self.key(sample)])
    }

    /// A pod in the namespace for that of a sample, and of the mesh of the tests.
    func placed(
      _ pod: DocumentValue.Object, in sample: DocumentValue.Object, named name: String? = nil
    ) throws -> DocumentValue {
      var pod = pod
      var metadata = pod["metadata"]?.object ?? [:]
      metadata["namespace"] = .string(try namespace(for: sample))
      if let name {
        if metadata["generateName"] == nil {
          metadata["name"] = .string(name)
        } else {
          metadata["generateName"] = .string("\(name)-")
        }
      }
      if metadata["annotations"]?["kuma.io/mesh"] == "shop" {
        var annotations = metadata["annotations"]?.object ?? [:]
        annotations["kuma.io/mesh"] = .string(mesh)
        metadata["annotations"] = .object(annotations)
      }
      pod["metadata"] = .object(metadata)
      return .object(pod)
    }

    /// Objects as one document, in a form that the oldest kubectl reads.
    static func list(_ objects: [DocumentValue]) -> String {
      DocumentValue.object(["apiVersion": "v1", "kind": "List", "items": .array(objects)]).json()
    }
  }

  // MARK: Pods

  @Test("Pods of every shape get what the samples say") func samples() async throws {
    let place = try await Place.shared()
    let samples = try PodSample.all().filter { $0.isOfEveryVersion && $0.hasUsualSettings }
    let pods = try samples.map { try place.placed($0.pod, in: $0.namespace, named: $0.name) }
    let answer = try await place.server.kubectl(
      .newest, "create", "--validate=false", "-f", "-", "-o", "yaml", input: Place.list(pods))
    #expect(answer.isSuccess, "\(answer.errors)")
    let stored = try DocumentValue.yamlDocuments(answer.output)
    var warnings: Set<String> = []
    for sample in samples {
      let expected = try sample.expected()
      warnings.formUnion(expected.warnings)
      let actual = stored.first { object in
        let metadata = object["metadata"]
        return metadata?["name"]?.string == sample.name || metadata?["generateName"]?.string == "\(sample.name)-"
      }
      let pod = try #require(actual, "\(sample)")
      let comparison = PodComparison(place: (place.mesh, place.controlPlane))
      #expect(comparison.differences(.object(expected.pod), pod).isEmpty, "\(sample)")
      #expect(Self.names(pod, "containers") == Self.names(.object(expected.pod), "containers"), "\(sample)")
      #expect(Self.names(pod, "initContainers") == Self.names(.object(expected.pod), "initContainers"), "\(sample)")
    }
    // kubectl prints a warning once, whatever number of objects it is about.
    let printed = answer.errors.split(separator: "\n").filter { $0.hasPrefix("Warning: ") }
    let told = Set(printed.map { String($0.dropFirst("Warning: ".count)) })
    // This control plane asks for no tokens.
    #expect(told == warnings.filter { !$0.hasPrefix("no container has a token") })
  }

  private static func names(_ pod: DocumentValue, _ list: String) -> [String] {
    (pod["spec"]?[list]?.array ?? []).compactMap { $0["name"]?.string }
  }

  @Test("The pods of a Deployment get sidecars; a refusal is an event of its ReplicaSet") func deployment() async throws
  {
    let place = try await Place.shared()
    let namespace = try place.namespace(for: try PodSample("minimal").namespace)
    func deployment(_ name: String, _ annotations: String) -> String {
      """
      {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "\(name)", "namespace": "\(namespace)"},
       "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "\(name)"}}, "template": {
         "metadata": {"labels": {"app": "\(name)"}, "annotations": \(annotations)},
         "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}}}}
      """
    }
    // The namespace has pods of other tests, too.
    let name = RunningCluster.name("web")
    try await place.server.apply(deployment(name, #"{"team": "storefront"}"#))
    let pods = try await eventually(deadline: .seconds(120), "the pods of the Deployment") { () -> [DocumentValue]? in
      let answer = try await place.server.succeed(["get", "pods", "-n", namespace, "-l", "app=\(name)", "-o", "json"])
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

    try await place.server.apply(deployment(RunningCluster.name("lost"), #"{"kuma.io/mesh": "nowhere"}"#))
    try await eventually(deadline: .seconds(120), "the event of the ReplicaSet") {
      let events = try await place.server.succeed(
        ["get", "events", "-n", namespace, "-o", "jsonpath={range .items[*]}{.reason}: {.message}{\"\\n\"}{end}"])
      return events.split(separator: "\n").contains {
        $0.hasPrefix("FailedCreate: ") && $0.contains(#"denied the request: meshes.kuma.io "nowhere" not found"#)
      }
    }
  }

  @Test("An API server that knows no init containers that go on running is told about, and asked once")
  func sidecarContainers() async throws {
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    let controlPlane = try await ControlPlaneOnKubernetes.start(
      server, settings: ["KUMA_EXPERIMENTAL_SIDECAR_CONTAINERS": "true"])
    let line = try await controlPlane.line(with: "experimental.sidecarContainers has no effect")
    #expect(line.contains("1.29") && line.contains("1.20"), "\(line)")
    await controlPlane.stop()
  }

  // MARK: Refusals

  @Test("kubectl shows why a pod cannot get its sidecar", arguments: KubectlAge.allCases)
  func refusals(_ age: KubectlAge) async throws {
    let place = try await Place.shared()
    // A namespace whose label is wrong gets no sidecars at all: the API server selects by it, and does not ask.
    let rows = InjectionRefusals.rows.filter { $0.description != "label of the namespace" }
    let chosen = age == .newest ? rows[...] : rows.prefix(5)
    let pods = try chosen.map { try place.placed($0.pod.object ?? [:], in: $0.namespace) }
    let answer = try await place.server.kubectl(
      age, "create", "--validate=false", "-f", "-", input: Place.list(pods))
    #expect(!answer.isSuccess && answer.output.isEmpty)
    let lines = answer.errors.split(separator: "\n").map(String.init)
    let whereabouts = age == .newest ? #"error when creating "STDIN": "# : ""
    #expect(
      lines
        == chosen.map {
          #"Error from server: \#(whereabouts)admission webhook "namespace-kuma-injector.kuma.io" denied the request: "#
            + $0.message
        })
  }

  // MARK: Services

  @Test("A Service without a protocol is told about where pods have sidecars", arguments: KubectlAge.allCases)
  func services(_ age: KubectlAge) async throws {
    let place = try await Place.shared()
    let injected = try place.namespace(for: try PodSample("minimal").namespace)
    let plain = try place.namespace(for: try PodSample("label-on-pod").namespace)
    func service(
      _ name: String, in namespace: String? = nil, _ spec: DocumentValue.Object, annotations: DocumentValue = [:]
    ) -> DocumentValue {
      [
        "apiVersion": "v1", "kind": "Service",
        "metadata": [
          "name": .string("\(name)-\(age.rawValue.replacing(".", with: ""))"),
          "namespace": .string(namespace ?? injected), "annotations": annotations,
        ],
        "spec": .object(spec),
      ]
    }
    func web(_ ports: DocumentValue...) -> DocumentValue.Object {
      ["selector": ["app": "web"], "ports": .array(ports)]
    }
    func apply(_ services: DocumentValue...) async throws -> [String] {
      let answer = try await place.server.kubectl(age, "apply", "-f", "-", input: Place.list(services))
      #expect(answer.isSuccess, "\(answer)")
      return answer.errors.split(separator: "\n").map(String.init)
    }
    #expect(
      try await apply(
        service("plain", in: plain, web(["port": 80])),
        service("ignored", web(["port": 80]), annotations: ["kuma.io/ignore": "true"]),
        service("external", ["type": "ExternalName", "externalName": "db.example", "ports": [["port": 80]]]),
        service("endpoints", ["ports": [["port": 80]]]),
        service("told", web(["port": 80]), annotations: ["80.service.kuma.io/protocol": "tcp"]),
        service("http", web(["port": 80, "appProtocol": "HTTP"])),
        service("dns", web(["port": 53, "protocol": "UDP"]))) == [])
    func warning(_ name: String, _ ports: String, _ port: Int) -> String {
      "Warning: Service \"\(name)-\(age.rawValue.replacing(".", with: ""))\": \(ports); so the protocol is tcp and no request "
        + "is traced; set appProtocol: http on the port, or the annotation \(port).service.kuma.io/protocol: http on the "
        + "Service (tcp, if it is not HTTP)"
    }
    #expect(
      try await apply(
        service("web", web(["port": 80])),
        service(
          "api", web(["name": "a", "port": 8080], ["name": "b", "port": 8081, "appProtocol": "example.com/own"])))
        == [
          warning("web", "port 80 has no appProtocol", 80),
          warning(
            "api",
            "port 8080 has no appProtocol, port 8081 has the appProtocol \"example.com/own\", which is none of grpc, http, "
              + "http2, kafka, tcp", 8080),
        ])
  }
}
