import MeshModel
import MeshTestSupport
import OrderedCollections
import Testing

@Suite("A resource as an object of a cluster") struct StoredObjectTests {
  private func object(_ text: String) throws -> DocumentValue.Object {
    try #require(try DocumentValue.yamlDocuments(text).first?.object)
  }

  private func read(_ text: String) throws -> ResourceDocument { try ResourceDocument(stored: try object(text)) }

  private static let dataplane = """
    apiVersion: kuma.io/v1alpha1
    kind: Dataplane
    mesh: demo
    metadata:
      name: web.1
      namespace: shop
      uid: 5a4c
      resourceVersion: "712"
      creationTimestamp: "2026-01-02T03:04:05Z"
      labels: {team: a}
      annotations: {note: kept}
      finalizers: [example.org/slow]
      ownerReferences: [{apiVersion: v1, kind: Pod, name: web.1, uid: 77}]
    spec:
      networking:
        address: 10.0.0.1
        inbound:
        - port: 80
          tags: {kuma.io/service: web}
    """

  @Test("names, labels, times and the revision are those of Kuma's store")
  func reading() throws {
    let resource = try read(Self.dataplane).resource
    #expect(resource.key == ResourceKey(type: .dataplane, mesh: "demo", name: "web.1.shop"))
    #expect(
      resource.labels == ["team": "a", "kuma.io/display-name": "web.1", "k8s.kuma.io/namespace": "shop"])
    #expect(resource.ownLabels == ["team": "a"])
    #expect(resource.creationTime == Timestamp("2026-01-02T03:04:05Z"))
    #expect(resource.modificationTime == resource.creationTime)
    #expect(resource.revision == 712)
  }

  @Test("a display name comes from the annotation, and a label of that name wins")
  func displayNames() throws {
    let text =
      "{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: m, annotations: {kuma.io/display-name: Long}}}"
    #expect(try read(text).resource.labels == ["kuma.io/display-name": "Long"])
    #expect(try read(text).resource.ownLabels == ["kuma.io/display-name": "Long"])
    let labelled = text.replacing("annotations:", with: "labels: {kuma.io/display-name: own}, annotations:")
    #expect(try read(labelled).resource.labels == ["kuma.io/display-name": "own"])
  }

  static let unreadableRows: [(String, String)] = [
    ("{kind: TrafficTrace, metadata: {name: t}}", "mesh: cannot be empty"),
    ("{kind: TrafficTrace, mesh: m, metadata: {name: t}, spec: 5}", "spec has to be an object, not number"),
    (
      "{kind: TrafficTrace, mesh: m, metadata: {name: t}, spec: {selectors: 5}}", "spec.selectors has to be a list, not"
    ),
    ("{kind: DataplaneInsight, mesh: m, metadata: {name: t}, status: x}", "status has to be an object, not string"),
    ("{kind: Pod, metadata: {name: t}}", "invalid resource type \"Pod\""),
  ]

  @Test("what is no resource is an error that names the field", arguments: unreadableRows)
  func unreadable(_ text: String, _ message: String) throws {
    let text = text.replacing("{kind", with: "{apiVersion: kuma.io/v1alpha1, kind")
    let error = try #require(throws: DocumentError.self) { try read(text) }
    #expect(error.message.hasPrefix(message), "\(error.message)")
  }

  @Test("the status of an object is nobody's misspelt field, and that of an insight is its content")
  func status() throws {
    let mesh = "{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: m}, status: {conditions: []}, extra: 1}"
    #expect(try read(mesh).notices.map(\.field) == ["extra"])
    let insight = try ResourceDocument(stored: try Resource.insight("a.b", mesh: "m").storedObject())
    #expect(insight.resource.spec == Resource.insight("a.b").spec)
    #expect(try object(insight.resource.document(.kubernetes).json())["status"] != nil)
  }

  @Test("a new object has the identity, the labels and the payload")
  func creating() throws {
    var resource = Resource.trafficTrace("t", mesh: "demo")
    resource.labels = ["team": "a", "kuma.io/display-name": "A long name", "k8s.kuma.io/namespace": "x"]
    let expected = try object(
      """
      apiVersion: kuma.io/v1alpha1
      kind: TrafficTrace
      mesh: demo
      metadata:
        name: t
        annotations: {kuma.io/display-name: A long name}
        labels: {k8s.kuma.io/namespace: x, team: a}
      spec:
        selectors: [{match: {kuma.io/service: '*'}}]
        conf: {backend: jaeger}
      """)
    #expect(
      DocumentValue.object(try resource.storedObject()).sortedByKey() == DocumentValue.object(expected).sortedByKey())
  }

  @Test("a name in a namespace says which", arguments: ["web", ".shop", "web.", ""])
  func names(_ name: String) throws {
    let error = try #require(throws: DocumentError.self) { try Resource.dataplane(name).storedObject() }
    #expect(error.message == "name \"\(name)\" must include namespace after the dot, ex. \"name.namespace\"")
    #expect(try ResourceType.mesh.kubernetesNames(of: "web").namespace.isEmpty)
    #expect(try ResourceType.dataplane.kubernetesNames(of: "a.b.c") == ("a.b", "c"))
  }

  @Test("what comes back from a cluster is written as it was, and changes nothing")
  func roundTrip() throws {
    let objects = [
      Self.dataplane,
      "{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: m, resourceVersion: '1'}, spec: {}}",
      "{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: m, annotations: {kuma.io/display-name: Long}}}",
      """
      {apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: m, labels: {kuma.io/display-name: m}},
       spec: {tracing: {default_backend: z, backends: [{name: z, type: zipkin, sampling: 100.0, extra: 1}]}, odd: true}}
      """,
    ]
    for text in objects {
      let present = try object(text)
      #expect(try ResourceDocument(stored: present).resource.storedObject(over: present) == present)
    }
  }

  @Test("an update replaces what the resource says, and keeps everything else")
  func updating() throws {
    let present = try object(
      Self.dataplane.replacing("address:", with: "futureField: {a: 1}\n    address:")
        .replacing("- port: 80", with: "- port: 80\n      alias: w\n      name: main")
        + "\n  unknown: [1, 2]\nother: 3\n")
    var resource = try ResourceDocument(stored: present).resource
    var content = try #require(resource.content(Dataplane.self))
    content.networking?.address = "10.0.0.2"
    content.networking?.inbound.insert(Dataplane.Inbound(port: 81, tags: ["kuma.io/service": "new"]), at: 0)
    resource.spec = content.spec
    resource.labels = ["team": "b"]
    let stored = try resource.storedObject(over: present)
    #expect(stored["other"] == 3)
    let metadata = try #require(stored["metadata"]?.object)
    #expect(metadata["labels"] == ["team": "b"])
    for key in ["annotations", "finalizers", "ownerReferences", "uid", "resourceVersion", "creationTimestamp"] {
      #expect(metadata[key] == present["metadata"]?[key], "\(key)")
    }
    #expect(stored["spec"]?["unknown"] == [1, 2])
    let networking = stored["spec"]?["networking"]
    #expect(networking?["address"] == "10.0.0.2")
    #expect(networking?["futureField"] == ["a": 1])
    // The inbound is the same by its name, although it stands in another place now.
    #expect(networking?["inbound"]?.array?.map { $0["alias"]?.string } == [nil, "w"])
    #expect(try ResourceDocument(stored: stored).resource.spec == resource.spec)
  }

  @Test("an older spelling of a field does not outlive a new value")
  func aliases() throws {
    let present = try object(
      """
      {apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: m},
       spec: {tracing: {default_backend: old, backends: [{name: old, type: zipkin}]}, odd: true}}
      """)
    var resource = try ResourceDocument(stored: present).resource
    resource.spec = .mesh(Mesh(tracing: Mesh.Tracing(backends: [TracingBackend(name: "new", type: "zipkin")])))
    let stored = try resource.storedObject(over: present)
    #expect(stored["spec"]?["odd"] == true)
    #expect(try ResourceDocument(stored: stored).resource.spec == resource.spec)
    // What cannot be read is replaced as a whole.
    let broken = try object("{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: m}, spec: 5}")
    #expect(try ResourceDocument(stored: try resource.storedObject(over: broken)).resource.spec == resource.spec)
  }

  @Test("the Kubernetes form of what comes from a namespace tells it")
  func document() throws {
    let document = try read(Self.dataplane).resource.document(.kubernetes)
    #expect(document["metadata"]?["name"] == "web.1")
    #expect(document["metadata"]?["namespace"] == "shop")
    #expect(document["metadata"]?["labels"] == ["team": "a"])
    // On Universal a dot in a name is a dot.
    #expect(Resource.dataplane("web.1").document(.kubernetes)["metadata"]?["name"] == "web.1")
  }
}
