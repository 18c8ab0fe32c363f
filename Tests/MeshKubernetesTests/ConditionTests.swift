import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel
import MeshPolicy
import MeshTestSupport
import Testing

@Suite("Conditions of objects")
struct ConditionTests {
  /// The conditions of a policy in a mesh with these resources, as short texts: `Accepted=True Accepted`.
  private static func conditions(of policy: Resource, among others: [Resource]) throws -> [Condition] {
    var index = MeshIndex(name: policy.mesh)
    var change = MeshIndex.Change()
    for resource in [policy] + others { change.note(resource.key, resource) }
    _ = index.apply(change)
    return try #require(
      Condition.conditions(
        ofPolicy: policy, notices: [], mesh: index.mesh, reach: index.reach(of: policy.name)))
  }

  private static func words(_ conditions: [Condition]) -> [String] {
    conditions.map { "\($0.kind.rawValue)=\($0.isTrue ? "True" : "False") \($0.reason)" }
  }

  @Test("a policy that applies is accepted and programmed, and the words count its proxies")
  func programmed() throws {
    let one = try Self.conditions(of: .trafficTrace("t"), among: [.mesh(), .dataplane("web")])
    #expect(Self.words(one) == ["Accepted=True Accepted", "Programmed=True Programmed"])
    #expect(
      one.map(\.message) == [
        "The TrafficTrace is valid.",
        "TrafficTrace \"t\" applies to 1 data plane proxy, which sends spans to the tracing backend \"jaeger\".",
      ])
    #expect(one.allSatisfy { !$0.isTrouble })
    let two = try Self.conditions(
      of: .trafficTrace("t"), among: [.mesh(), .dataplane("web"), .dataplane("web-2")])
    #expect(two[1].message.contains("applies to 2 data plane proxies, which send spans"))
  }

  @Test("why nothing is traced is the warning that the API gives")
  func obstacles() throws {
    let proxy = Resource.dataplane("web")
    let misspelt = Resource.trafficTrace("t", backend: "jager")
    let warned = PolicyWarnings.backend(
      of: try #require(misspelt.content(TrafficTrace.self)), name: "t",
      mesh: try #require(Resource.mesh().content(Mesh.self)), meshName: "default")
    let unknown = try Self.conditions(of: misspelt, among: [.mesh(), proxy])
    #expect(Self.words(unknown) == ["Accepted=True Accepted", "Programmed=False BackendNotFound"])
    #expect(unknown[1].message == warned.joined() && !warned.isEmpty)

    let none = try Self.conditions(of: .trafficTrace("t", backend: ""), among: [.mesh(backends: []), proxy])
    #expect(Self.words(none).last == "Programmed=False NoBackend")

    let empty = try Self.conditions(of: .trafficTrace("t"), among: [.mesh()])
    #expect(Self.words(empty).last == "Programmed=False NoDataplanes")
    #expect(empty[1].message == "Mesh \"default\" has no data plane proxies yet.")

    let unmatched = try Self.conditions(
      of: .trafficTrace("t", match: [TagName.service: "wep"]), among: [.mesh(), proxy])
    #expect(Self.words(unmatched).last == "Programmed=False NoMatch")
    #expect(unmatched[1].message.hasSuffix("did you mean \"web\"?"), "\(unmatched[1].message)")
  }

  @Test("several obstacles are all told, the first decides the reason")
  func severalObstacles() throws {
    let conditions = try Self.conditions(
      of: .trafficTrace("t", match: [TagName.service: "wep"], backend: "jager"), among: [.mesh(), .dataplane("web")])
    #expect(Self.words(conditions).last == "Programmed=False BackendNotFound")
    #expect(conditions[1].message.contains("did you mean \"jaeger\"?"))
    #expect(conditions[1].message.contains("did you mean \"web\"?"))
  }

  @Test("a wholly overshadowed policy is in conflict, and only then")
  func overshadowed() throws {
    let special = Resource.trafficTrace("special", match: [TagName.service: "web"])
    let conditions = try Self.conditions(
      of: .trafficTrace("t"), among: [.mesh(), .dataplane("web"), special])
    #expect(
      Self.words(conditions) == [
        "Accepted=True Accepted", "Programmed=False Overshadowed", "Conflicted=True Overshadowed",
      ])
    #expect(conditions[2].isTrouble && conditions[2].message.contains("\"special\""))
    let partly = try Self.conditions(
      of: .trafficTrace("t"), among: [.mesh(), .dataplane("web"), .dataplane("api", service: "api"), special])
    #expect(Self.words(partly) == ["Accepted=True Accepted", "Programmed=True Programmed"])
  }

  @Test("a policy whose proxies see no HTTP, or whose backend samples nothing, traces nothing")
  func silent() throws {
    let tcp = Resource(
      mesh: "default", name: "db",
      spec: .dataplane(
        Dataplane(
          networking: Dataplane.Networking(
            address: "10.0.0.1", inbound: [Dataplane.Inbound(port: 80, tags: [TagName.service: "db"])]))))
    let silent = try Self.conditions(of: .trafficTrace("t"), among: [.mesh(), tcp])
    #expect(Self.words(silent).last == "Programmed=False NoHTTP")
    #expect(silent[1].message.contains("no HTTP listener"))

    var mesh = try #require(Resource.mesh().content(Mesh.self))
    mesh.tracing?.backends[0].sampling = 0
    let unsampled = try Self.conditions(
      of: .trafficTrace("t"), among: [Resource(name: "default", spec: .mesh(mesh)), .dataplane("web")])
    #expect(Self.words(unsampled).last == "Programmed=False NothingSampled")
  }

  @Test("a policy without its mesh is not accepted")
  func meshNotFound() throws {
    let conditions = try Self.conditions(of: .trafficTrace("t"), among: [.dataplane("web")])
    #expect(Self.words(conditions) == ["Accepted=False MeshNotFound", "Programmed=False MeshNotFound"])
    #expect(conditions[0].message.contains("belongs to mesh \"default\", which does not exist"))
  }

  @Test("a policy that its mesh does not know yet has no conditions")
  func unknownPolicy() {
    #expect(
      Condition.conditions(ofPolicy: .trafficTrace("t"), notices: [], mesh: Mesh(), reach: .unknown) == nil)
    #expect(Condition.conditions(ofPolicy: .mesh(), notices: [], mesh: Mesh(), reach: .unknown) == nil)
  }

  @Test("what got past the admission server is told: rules that are broken, fields that are ignored, no object at all")
  func notAccepted() throws {
    let document: DocumentValue = [
      "apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": ["name": "m"],
      "spec": ["tracing": ["backends": [["name": "z", "type": "zipkin", "sampling": 200, "samplin": 1]]]],
    ]
    let read = try ResourceDocument(document)
    let conditions = try #require(
      Condition.conditions(ofMesh: read.resource, notices: read.notices, policies: []))
    #expect(Self.words(conditions) == ["Accepted=False Invalid", "Programmed=False NoPolicy"])
    #expect(conditions[0].message.contains("spec.tracing.backends[0].sampling: "), "\(conditions[0].message)")
    let unreadable = Condition.conditions(ofUnreadable: "spec has to be an object, not number")
    #expect(Self.words(unreadable) == ["Accepted=False Invalid", "Programmed=False Invalid"])
    #expect(
      unreadable[0].message == "spec has to be an object, not number. The object has no effect until it is mended.")
  }

  @Test("a mesh says where its policies lead, and which lead nowhere")
  func mesh() throws {
    func condition(_ mesh: Resource, _ policies: [Resource]) throws -> Condition {
      let named = policies.compactMap { policy in
        policy.content(TrafficTrace.self).map { (name: policy.name, policy: $0) }
      }
      return try #require(Condition.conditions(ofMesh: mesh, notices: [], policies: named)?.last)
    }
    #expect(try condition(.mesh(backends: []), []).reason == "NoBackend")
    #expect(try condition(.mesh(), []).reason == "NoPolicy")
    let lost = try condition(.mesh(), [.trafficTrace("t", backend: "nowhere")])
    #expect(lost.reason == "BackendNotFound" && !lost.isTrue && lost.message.contains("\"nowhere\""))
    let partly = try condition(.mesh(), [.trafficTrace("a"), .trafficTrace("b", backend: "nowhere")])
    #expect(
      partly.isTrue
        && partly.message.hasPrefix(
          "TrafficTraces of mesh \"default\" lead to the tracing backend \"jaeger\". Mesh \"default\" has no")
    )
  }

  @Test("a message is bounded and on one line")
  func bounded() {
    let condition = Condition(.accepted, false, "Invalid", [String(repeating: "x", count: 100_000), "a\nb"])
    #expect(condition.message.count < 4_200 && !condition.message.contains("\n"))
  }
}
