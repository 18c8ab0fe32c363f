import HTTPTypes
import MeshModel
import MeshStore
import MeshTestSupport
import OrderedCollections
import Testing

/// Which policy applies to which proxy, overviews, and summaries.
@Suite struct InspectionTests {
  /// Sidecars of `web` and `api` and a gateway; `any` matches all, `web` the first.
  static func withPolicies() async throws -> TestAPI {
    let api = try await TestAPI.withMesh()
    await api.putProxy("a", service: "web")
    await api.putProxy("b", service: "api")
    await api.putProxy("g", networking: TestAPI.gateway)
    await api.putTrace("any")
    await api.putTrace("web", #"{"kuma.io/service":"web"}"#)
    await api.putTrace("none", #"{"kuma.io/service":"none"}"#)
    return api
  }

  @Test("the policy of a proxy: its identity, not what it says", arguments: [("a", "web"), ("b", "any"), ("g", "any")])
  func policies(proxy: String, policy: String) async throws {
    let api = try await Self.withPolicies()
    var meta = try #require(await api.get("/meshes/shop/traffic-traces/\(policy)").document.object)
    meta["selectors"] = nil
    #expect(
      await api.get("/meshes/shop/dataplanes/\(proxy)/policies").document == [
        "kind": "SidecarDataplane", "total": 1,
        "items": [["type": "dataplane", "matchedPolicies": ["TrafficTrace": [.object(meta)]]]],
      ])
  }

  @Test("a proxy without a policy") func noPolicy() async throws {
    let api = try await TestAPI.withMesh()
    await api.putProxy("a", service: "web")
    #expect(
      await api.get("/meshes/shop/dataplanes/a/policies").document == [
        "kind": "SidecarDataplane", "total": 0, "items": [],
      ])
  }

  @Test(
    "the proxies to which a policy applies, and those it matches",
    arguments: [
      ("any", "b g", "a b g"), ("web", "a", "a"), ("none", "", ""),
    ])
  func proxies(policy: String, won: String, matched: String) async throws {
    let api = try await Self.withPolicies()
    let path = "/meshes/shop/traffic-traces/\(policy)"
    let wonNames = won.split(separator: " ").map(String.init)
    #expect(
      await api.get("\(path)/dataplanes").document == [
        "total": .integer(Int64(wonNames.count)),
        "items": .array(
          wonNames.map {
            [
              "kind": "SidecarDataplane", "dataplane": ["mesh": "shop", "name": .string($0)],
              "attachments": [["type": "dataplane"]],
            ]
          }),
      ])
    let matchedNames = matched.split(separator: " ").map(String.init)
    #expect(
      await api.get("\(path)/_resources/dataplanes").document == [
        "items": .array(matchedNames.map { ["mesh": "shop", "name": .string($0), "type": "Dataplane"] }),
        "total": .integer(Int64(matchedNames.count)),
      ])
  }

  @Test("pages of matched proxies") func matchedPages() async throws {
    let api = try await Self.withPolicies()
    let path = "/meshes/shop/traffic-traces/any/_resources/dataplanes"
    let first = await api.get("\(path)?size=2")
    #expect(first.names == ["a", "b"])
    #expect(first.document["next"]?.string == "http://cp.example:5681\(path)?offset=2&size=2")
    let last = await api.get("\(path)?size=2&offset=2")
    #expect(last.names == ["g"])
    #expect(last.document.object?.keys.contains("next") == false, "the last page has no link at all")
    #expect(await api.get("\(path)?name=g").names == ["g"])
    #expect(await api.get("\(path)?size=x").causes == ["size: invalid format"])
  }

  @Test("why a proxy is traced, and whether it has that configuration") func explanation() async throws {
    let api = try await Self.withPolicies()
    let path = "/meshes/shop/dataplanes/a/_tracing"
    let unseen = await api.get(path).document
    #expect(unseen["winner"] == "web")
    #expect(unseen["candidates"]?.array?.compactMap { $0["name"]?.string } == ["web", "any"])
    #expect(unseen["connection"]?["status"] == "neverConnected")
    try await api.store.put(.insight("a", mesh: "shop"))
    let seen = await api.get(path).document
    #expect(seen["connection"]?["status"] == "online")
    #expect(seen["connection"]?["connectTime"] == "2023-11-14T22:13:20.000000001Z")
  }

  @Test(
    "what is not there",
    arguments: [
      ("/meshes/shop/dataplanes/zz/policies", "Could not get MatchedPolicies"),
      ("/meshes/absent/dataplanes/a/policies", "Could not build MeshContext"),
      ("/meshes/absent/traffic-traces/t/dataplanes", "Could not list Dataplanes"),
      ("/meshes/shop/traffic-traces/zz/_resources/dataplanes", "Could not retrieve policy"),
      ("/meshes/absent/traffic-traces/t/_resources/dataplanes", "Failed to retrieve Mesh"),
      ("/meshes/shop/dataplanes/zz/_tracing", "Could not retrieve a resource"),
      ("/meshes/absent/dataplanes/a/_tracing", "Failed to retrieve Mesh"),
      ("/meshes/shop/dataplanes/zz/_overview", "Could not retrieve a resource"),
      ("/meshes/shop/dataplanes+insights/zz", "Could not retrieve a resource"),
      ("/meshes/shop/dataplane-insights/zz", "Could not retrieve a resource"),
      ("/mesh-insights/absent", "Could not retrieve a resource"),
      ("/meshes/shop/service-insights/zz", "Could not retrieve a resource"),
    ])
  func absent(path: String, title: String) async throws {
    let answer = await (try TestAPI.withMesh()).get(path)
    #expect(answer.status == 404)
    #expect(answer.document.sortedByKey() == .error(404, title, "Not found"))
  }

  @Test("an unknown policy applies to nothing, and is not an error") func unknownPolicy() async throws {
    let answer = await (try TestAPI.withMesh()).get("/meshes/shop/traffic-traces/zz/dataplanes")
    #expect(answer.status == 200)
    #expect(answer.document == ["total": 0, "items": []])
  }

  // MARK: Overviews

  @Test("overviews of a proxy never seen, and of one that is connected") func overviews() async throws {
    let api = try await TestAPI.withMesh()
    await api.putProxy("seen", service: "web")
    await api.putProxy("unseen", service: "web")
    try await api.store.put(.insight("seen", mesh: "shop"))
    let insight = try #require(await api.get("/meshes/shop/dataplane-insights/seen").document["subscriptions"])
    #expect(insight.array?.count == 1)
    for path in ["/meshes/shop/dataplanes/_overview", "/meshes/shop/dataplanes+insights", "/dataplanes/_overview"] {
      let items = try #require(await api.get(path).document["items"]?.array)
      #expect(items.map { $0["type"]?.string } == ["DataplaneOverview", "DataplaneOverview"])
      #expect(items[0]["dataplaneInsight"] == ["subscriptions": insight])
      #expect(items[1].object?.keys.contains("dataplaneInsight") == false, "a list leaves it out")
    }
    for path in ["/meshes/shop/dataplanes/unseen/_overview", "/meshes/shop/dataplanes+insights/unseen"] {
      let one = await api.get(path).document
      #expect(one["dataplaneInsight"] == [:], "one proxy has an empty one")
      #expect(one["dataplane"]?["networking"]?["address"] == "10.1.0.1")
      #expect(one["name"] == "unseen")
    }
    #expect(
      await api.get("/meshes/shop/dataplanes/seen/_overview").document["dataplaneInsight"]?["subscriptions"] == insight)
  }

  @Test("what is known of security fixes for a proxy's Envoy is in its overview, its explanation and its warnings")
  func envoyAdvice() async throws {
    let api = try await TestAPI.withMesh()
    func connect(_ name: String, _ version: String) async throws {
      await api.putProxy(name, service: "web")
      let insight = DataplaneInsight(subscriptions: [
        DataplaneInsight.Subscription(
          id: name, controlPlaneInstanceId: "cp", connectTime: Timestamp(seconds: 0),
          version: DataplaneInsight.ProxyVersion(kumaDp: "1", envoy: version))
      ])
      try await api.store.put(Resource(mesh: "shop", name: name, spec: .dataplaneInsight(insight)))
    }
    try await connect("old", "1.38.4")
    try await connect("new", "1.40.0")
    try await connect("mute", "")
    let item = "/meshes/shop/dataplanes/old"
    let advice = try #require(await api.get("\(item)/_overview").document["envoyAdvice"])
    #expect(advice["state"] == "fixesPublished")
    #expect(advice["fixes"] == [["id": "CVE-2026-35189", "release": "1.38.5"]])
    #expect(advice["newestRelease"] == "1.38.9")
    #expect(advice["unreadReleases"] == ["1.38.6", "1.38.7", "1.38.8", "1.38.9"])
    #expect(advice["supportedUntil"] == "2027-04-23")
    #expect(await api.get("\(item)/_tracing").document["envoyAdvice"] == advice)
    let items = try #require(await api.get("/meshes/shop/dataplanes+insights").document["items"]?.array)
    #expect(items.map { $0["envoyAdvice"]?["state"]?.string } == [nil, "unknown", "fixesPublished"])

    let summary = try #require(advice["summary"]?.string)
    #expect(await api.get("\(item)/_warnings").warnings.contains("Data plane proxy \"old\": \(summary)"))
    let unknown = await api.get("/meshes/shop/dataplanes/new/_warnings").warnings
    #expect(unknown.contains { $0.contains("Whether Envoy 1.40.0 lacks published security fixes is not known") })
    #expect(await api.get("/meshes/shop/dataplanes/mute/_warnings").warnings.allSatisfy { !$0.contains("Envoy") })
    #expect(
      await api.get("/meshes/shop/_warnings").warnings == [
        "Mesh \"shop\" has a data plane proxy with an outdated Envoy (\"old\"). \(summary)"
      ])
  }

  @Test("a proxy of a reserved word's name is a proxy") func reservedName() async throws {
    let api = try await TestAPI.withMesh()
    try await api.store.put(.dataplane("_overview", mesh: "shop"))
    #expect(await api.get("/meshes/shop/dataplanes/_overview").document["total"] == 1)
    #expect(await api.get("/meshes/shop/dataplanes/_overview/_overview").document["name"] == "_overview")
  }

  // MARK: Summaries

  @Test("summaries count proxies by kind and state") func summaries() async throws {
    let api = try await Self.withPolicies()
    try await api.store.put(.insight("a", mesh: "shop"))
    var partial = Resource.dataplane("p", mesh: "shop", service: "web")
    if case .dataplane(var content) = partial.spec {
      content.networking?.inbound.append(Dataplane.Inbound(port: 81, tags: [TagName.service: "web"], ready: false))
      partial.spec = .dataplane(content)
    }
    try await api.store.put(partial)
    try await api.store.put(.insight("p", mesh: "shop"))
    let mesh = await api.get("/mesh-insights/shop").document
    #expect(mesh["dataplanes"] == ["total": 4, "online": 1, "partiallyDegraded": 1, "offline": 2])
    #expect(mesh["dataplanesByType"]?["standard"] == ["total": 3, "online": 1, "partiallyDegraded": 1, "offline": 1])
    #expect(mesh["dataplanesByType"]?["gatewayDelegated"] == ["total": 1, "offline": 1])
    #expect(mesh["policies"]?["TrafficTrace"] == ["total": 3])
    #expect(mesh["services"]?["total"] == 3)
    #expect(await api.get("/mesh-insights").names == ["shop"])
    let services = await api.get("/meshes/shop/service-insights")
    #expect(services.names == ["api", "edge", "web"])
    #expect(await api.get("/service-insights?name=e").names == ["edge", "web"])
    let web = await api.get("/meshes/shop/service-insights/web").document
    #expect(web["dataplanes"] == ["total": 2, "online": 1, "partiallyDegraded": 1])
    #expect(web["status"] == "partially_degraded")
    #expect(web["serviceType"] == "internal")
    #expect(await api.get("/meshes/shop/service-insights/edge").document["serviceType"] == "gateway_delegated")
    #expect(await api.get("/meshes/shop/service-insights/api").document["status"] == "offline")
    let counts = await api.get("/global-insights").document["resources"]
    #expect(counts?["Dataplane"] == ["total": 4])
    #expect(counts?["DataplaneInsight"] == ["total": 2])
    let global = await api.get("/global-insight").document
    #expect(global["dataplanes"]?["standard"] == ["online": 1, "offline": 1, "partiallyDegraded": 1, "total": 3])
    #expect(global["services"]?["internal"]?["total"] == 2)
    #expect(global["meshes"] == ["total": 1])
  }
}
