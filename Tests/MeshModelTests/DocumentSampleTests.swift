import MeshModel
import MeshTestSupport
import Testing

/// The documents that Kuma's users have at hand, in both forms.
enum Sample {
  static let meshKubernetes = DocumentedSample.mesh
  static let meshUniversal = """
    type: Mesh
    name: default
    tracing:
      defaultBackend: jaeger-collector
      backends:
      - name: jaeger-collector
        type: zipkin
        sampling: 100.0
        conf:
          url: http://jaeger-collector.kuma-tracing:9411/api/v2/spans
    """
  static let traceKubernetes = DocumentedSample.policy
  /// The name of the backend is misspelt, and has to be accepted.
  static let traceUniversal = """
    type: TrafficTrace
    name: trace-all-traffic
    mesh: default
    selectors:
    - match:
        kuma.io/service: '*'
    conf:
      backend: jager-collector
    """
  static let dataplane = """
    type: Dataplane
    mesh: default
    name: web-1
    labels: {team: a}
    networking:
      address: 192.168.0.1
      advertisedAddress: 10.1.1.1
      inbound:
      - port: 80
        servicePort: 8080
        serviceAddress: 127.0.0.1
        address: 192.168.0.2
        tags: {kuma.io/service: web, kuma.io/protocol: http}
        health: {ready: false}
        state: NotReady
        serviceProbe: {tcp: {}, interval: 10s}
      outbound:
      - {port: 10001, address: 127.0.0.2, tags: {kuma.io/service: api}}
      transparentProxying: {redirectPortInbound: 15006}
      admin: {port: 9901}
    metrics: {type: prometheus, conf: {port: 1234}}
    """
  static let gateway = """
    type: Dataplane
    mesh: default
    name: gw
    networking:
      address: gw.example.org
      gateway: {type: BUILTIN, tags: {kuma.io/service: gw}}
    """
  static let datadog = """
    type: Mesh
    name: second
    mtls: {enabledBackend: ca, backends: [{name: ca, type: builtin}]}
    routing: {zoneEgress: true}
    tracing:
      backends:
      - {name: dd, type: datadog, sampling: 0, conf: {address: agent, port: 8126, splitService: true}}
      - {name: z, type: zipkin, conf: {url: 'http://z:1/a', traceId128bit: true, sharedSpanContext: false, \
    traceContextOption: USE_B3_WITH_W3C_PROPAGATION}}
    """

  static let all = [
    meshKubernetes, meshUniversal, traceKubernetes, traceUniversal, dataplane, gateway, datadog,
    "{type: Mesh, name: m}", "{type: Mesh, name: m, tracing: {}}", "{type: TrafficTrace, mesh: m, name: t, conf: {}}",
    "{type: Dataplane, mesh: m, name: d}",
    """
    {type: DataplaneInsight, mesh: m, name: d, subscriptions: [{id: a, controlPlaneInstanceId: b, \
    connectTime: '2026-01-02T03:04:05.6Z', disconnectTime: '2026-01-02T03:04:06Z', status: {cds: \
    {responsesSent: '18446744073709551615', responsesRejected: 2}, lastUpdateTime: '2026-01-02T03:04:05Z', \
    lastAcknowledgementTime: '2026-01-02T03:04:04Z', lastRejection: {type: lds, time: '2026-01-02T03:04:05Z', message: refused}}, \
    version: {kumaDp: {version: '1'}, envoy: {version: '2'}}}]}
    """,
  ]
}

@Suite struct DocumentSampleTests {
  private func read(_ text: String) throws -> ResourceDocument {
    let documents = try ResourceDocument.all(in: text)
    #expect(documents.count == 1)
    return try #require(documents.first)
  }

  @Test("the documentation's samples are accepted unchanged", arguments: Sample.all.prefix(4))
  func accepted(_ text: String) throws {
    let document = try read(text)
    #expect(document.resource.violations().isEmpty)
    #expect(document.notices.isEmpty)
  }

  @Test func theTwoFormsOfAMeshAreTheSame() throws {
    let kubernetes = try read(Sample.meshKubernetes)
    let universal = try read(Sample.meshUniversal)
    #expect(kubernetes.form == .kubernetes)
    #expect(universal.form == .universal)
    #expect(kubernetes.resource == universal.resource)
    let mesh: Mesh = try #require(universal.resource.content())
    let backend = try #require(mesh.tracing?.backends.first)
    #expect(mesh.tracing?.defaultBackend == "jaeger-collector")
    #expect(backend.sampling == 100)
    #expect(try backend.zipkin().url == "http://jaeger-collector.kuma-tracing:9411/api/v2/spans")
  }

  @Test func theTwoFormsOfATrafficTraceDifferInTheMisspeltBackendOnly() throws {
    var kubernetes = try read(Sample.traceKubernetes).resource
    let universal = try read(Sample.traceUniversal).resource
    var policy: TrafficTrace = try #require(kubernetes.content())
    #expect(policy.backend == "jaeger-collector")
    #expect(policy.selectors == [TrafficTrace.Selector(match: ["kuma.io/service": "*"])])
    policy.backend = "jager-collector"
    kubernetes.spec = policy.spec
    #expect(kubernetes == universal)
  }

  @Test("a resource survives every way of writing it", arguments: Sample.all)
  func roundTrips(_ text: String) throws {
    var resource = try read(text).resource
    if resource.labels.isEmpty { resource.labels = ["b": "2", "a": "yes"] }
    for form in ResourceDocument.Form.allCases {
      let document = resource.document(form)
      #expect(try ResourceDocument(document).resource == resource)
      #expect(try ResourceDocument(document).form == form)
      for json in [document.json(), document.json(.indented(1))] {
        #expect(try DocumentValue(json: json.utf8) == document)
        #expect(try read(json).resource == resource)
      }
      #expect(try DocumentValue.yamlDocuments(document.yaml(sortKeys: false)) == [document])
      #expect(try ResourceDocument.all(in: document.yaml()).first?.resource.document() != nil)
    }
  }

  @Test func timesAreRead() throws {
    let universal = try read("{type: Mesh, name: m, creationTime: '2026-01-02T03:04:05Z'}").resource
    #expect(universal.creationTime == Timestamp("2026-01-02T03:04:05Z"))
    let text = "{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: m, creationTimestamp: x}}"
    #expect(throws: DocumentError.self) { try read(text) }
  }

  @Test func samplingThatIsAbsentAndZeroDiffer() throws {
    func sampling(_ field: String) throws -> Double? {
      let text = "{type: Mesh, name: m, tracing: {backends: [{name: a, \(field) type: zipkin}]}}"
      let document = try read(text).resource.document()
      let mesh: Mesh = try #require(try ResourceDocument(document).resource.content())
      let read = try #require(mesh.tracing?.backends.first).sampling
      let written = document["tracing"]?["backends"]?.array?.first?["sampling"]?.number
      #expect(written == read)
      return read
    }
    #expect(try sampling("") == nil)
    #expect(try sampling("sampling: ~,") == nil)
    #expect(try sampling("sampling: 0,") == 0)
    #expect(try sampling("sampling: 0.0,") == 0)
    #expect(try sampling("sampling: '0',") == 0)
    #expect(try sampling("sampling: 12.5,") == 12.5)
  }

  @Test func severalDocumentsInOneText() throws {
    let text = ["", Sample.meshUniversal, "# nothing", Sample.traceKubernetes, "", Sample.dataplane].joined(
      separator: "\n---\n")
    let documents = try ResourceDocument.all(in: text)
    #expect(
      documents.map(\.resource.key.description) == [
        "Mesh default", "TrafficTrace default/trace-all-traffic", "Dataplane default/web-1",
      ])
    #expect(documents.map(\.form) == [.universal, .kubernetes, .universal])
    #expect(try ResourceDocument.all(in: "").isEmpty)
    #expect(try ResourceDocument.all(in: "---\n---\n").isEmpty)
  }

  @Test func aBadDocumentAmongGoodOnesIsAnError() {
    #expect(throws: DocumentError.self) {
      try ResourceDocument.all(in: Sample.meshUniversal + "\n---\ntype: Nothing\n")
    }
  }

  @Test func theNameOfAProxyInKubernetesCarriesItsNamespace() throws {
    let text = "{apiVersion: kuma.io/v1alpha1, kind: Dataplane, metadata: {name: a, namespace: b}}"
    #expect(try read(text).resource.key == ResourceKey(type: .dataplane, mesh: "default", name: "a.b"))
  }

  static let noticeRows: [(String, [String])] = [
    (
      "{type: TrafficTrace, mesh: m, name: t, selectors: [], conf: {backned: x}}",
      [#"conf.backned: unknown field, ignored; did you mean "backend"?"#]
    ),
    (
      "{type: TrafficTrace, mesh: m, name: t, selector: [], selectors: [{mtach: {a: b}}]}",
      [
        #"selector: unknown field, ignored; did you mean "selectors"?"#,
        #"selectors[0].mtach: unknown field, ignored; did you mean "match"?"#,
      ]
    ),
    (
      "{apiVersion: kuma.io/v1alpha1, kind: TrafficTrace, metadata: {name: t}, spec: {conf: {backned: x}}}",
      [#"spec.conf.backned: unknown field, ignored; did you mean "backend"?"#]
    ),
    (
      "{type: Mesh, name: m, tracing: {backends: [{name: a, samplign: 1, type: zipkin, conf: {urll: x}}]}}",
      [
        #"tracing.backends[0].conf.urll: unknown field, ignored; did you mean "url"?"#,
        #"tracing.backends[0].samplign: unknown field, ignored; did you mean "sampling"?"#,
      ]
    ),
    ("{type: Mesh, name: m, something: 1}", ["something: unknown field, ignored"]),
    ("{type: Mesh, name: m, tracing: {default_backend: a, backends: [{name: a, type: zipkin}]}}", []),
    ("{type: Mesh, name: m, mtls: {anything: 1}, metrics: {}, logging: {}}", []),
  ]

  @Test("unknown fields are noticed", arguments: noticeRows)
  func notices(_ text: String, _ messages: [String]) throws {
    #expect(try Set(read(text).notices.map(\.message)) == Set(messages))
  }

  static let errorRows: [(String, DocumentError.Code, String)] = [
    ("{type: Mash, name: m}", .unknownType, #"invalid resource type "Mash""#),
    ("{name: m}", .unknownType, #"invalid resource type """#),
    ("[]", .wrongKind, "the document has to be an object, not array"),
    ("text", .wrongKind, "the document has to be an object, not string"),
    ("{apiVersion: v1, kind: Mesh}", .unknownType, #"apiVersion has to be "kuma.io/v1alpha1", not "v1""#),
    ("{type: Mesh, name: [a]}", .wrongKind, "name has to be text, not array"),
    ("{type: Mesh, name: 1}", .wrongKind, "name has to be text, not number"),
    ("{type: Mesh, name: m, tracing: 1}", .wrongKind, "tracing has to be an object, not number"),
    (
      "{type: Mesh, name: m, tracing: {backends: [{sampling: half}]}}", .wrongKind,
      "tracing.backends[0].sampling has to be a number, not string"
    ),
    (
      "{type: Mesh, name: m, tracing: {backends: [{conf: [1]}]}}", .wrongKind,
      "tracing.backends[0].conf has to be an object, not array"
    ),
    (
      "{type: TrafficTrace, name: t, selectors: [{match: {version: 1}}]}", .wrongKind,
      #"selectors[0].match["version"] has to be text in quotes, not number"#
    ),
    (
      "{type: Dataplane, name: d, networking: {inbound: [{port: -1}]}}", .wrongKind,
      "networking.inbound[0].port has to be a whole number from 0 to 4294967295, not -1"
    ),
    (
      "{type: Dataplane, name: d, networking: {inbound: [{port: 80.5}]}}", .wrongKind,
      "networking.inbound[0].port has to be a whole number from 0 to 4294967295, not 80.5"
    ),
  ]

  @Test("values of the wrong kind", arguments: errorRows)
  func wrongKinds(_ text: String, _ code: DocumentError.Code, _ message: String) throws {
    let error = try #require(throws: DocumentError.self) { try ResourceDocument.all(in: text) }
    #expect(error.code == code)
    #expect(error.message == message)
  }
}
