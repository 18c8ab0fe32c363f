import HTTPTypes
import MeshHTTPTestSupport
import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport
import OrderedCollections
import ProxyEvidence
import Testing
import TracingDiagnosis

/// Whether the spans of proxies arrive, and if not, why: of one, of a mesh, of a service; and who sends spans.
@Suite struct TracingRoutesTests {
  /// Proxies of `web`, which call `api`, one of `api`, and one that no policy matches.
  private static func shop() async throws -> TestAPI {
    let api = try await TestAPI.withMesh()
    for name in ["web-1", "web-2"] {
      await api.putProxy(
        name,
        networking: #"""
          {"address":"10.1.0.1","inbound":[{"port":80,"tags":{"kuma.io/service":"web","kuma.io/protocol":"http"}}],
           "outbound":[{"port":10001,"tags":{"kuma.io/service":"api"}}]}
          """#)
    }
    await api.putProxy("api-1", service: "api", tags: #","kuma.io/protocol":"http""#)
    await api.putProxy("other", service: "batch", tags: #","kuma.io/protocol":"http""#)
    await api.putTrace("web", #"{"kuma.io/service":"web"}"#)
    await api.putTrace("api", #"{"kuma.io/service":"api"}"#)
    // Long enough for proxies to have connected.
    api.clock.set(Timestamp(seconds: 1_700_000_060))
    return api
  }

  private static func online(
    _ api: TestAPI, _ names: String..., instance: String = "cp", kumaDp: String? = nil
  ) async throws {
    for name in names {
      var subscription = DataplaneInsight.Subscription(
        id: name, controlPlaneInstanceId: instance, connectTime: api.clock.now)
      subscription.version = kumaDp.map { DataplaneInsight.ProxyVersion(kumaDp: $0, envoy: "1.40.0") }
      try await api.store.put(
        Resource(
          mesh: "shop", name: name,
          spec: .dataplaneInsight(DataplaneInsight(subscriptions: [subscription]))))
    }
  }

  private static func causes(_ document: DocumentValue) -> [String] {
    (document["items"]?.array ?? []).map { "\($0["name"]?.string ?? ""): \($0["verdict"]?["cause"]?.string ?? "")" }
  }

  @Test("of a mesh: each proxy with one cause, and how many have which") func fleet() async throws {
    let api = try await Self.shop()
    let answer = await api.get("/meshes/shop/_tracing").document
    #expect(
      Self.causes(answer) == [
        "api-1: never-connected", "other: no-policy", "web-1: never-connected", "web-2: never-connected",
      ])
    #expect(answer["proxies"] == 4 && answer["total"] == 4)
    #expect(answer["causes"] == ["never-connected": 3, "no-policy": 1])
    #expect(answer["policies"] == [["name": "api", "proxies": 1], ["name": "web", "proxies": 2]])
    let item = try #require(answer["items"]?.array?[2])
    #expect(item["services"] == ["web"] && item["policy"] == "web" && item["status"] == "neverConnected")
    #expect(item["listeners"] == ["traced": 2, "total": 2])
    #expect(item["backend"]?["name"] == "jaeger-collector")
    let verdict = try #require(item["verdict"])
    #expect(verdict["number"] == .integer(Int64(Cause.neverConnected.number)))
    #expect(verdict["fine"] == false && verdict["remedy"]?.string?.isEmpty == false)
    #expect(item["evidence"]?["source"] == .null)
    #expect(item["evidence"]?["reason"]?.string?.isEmpty == false)
  }

  @Test(
    "lists those that are asked for",
    arguments: [
      ("cause=no-policy", "other"), ("cause=1", "other"), ("cause=fine", ""), ("service=web", "web-1 web-2"),
      ("name=-1", "api-1 web-1"), ("notTraced=true&service=api", "api-1"), ("tag=kuma.io/service:batch", "other"),
      ("size=1&offset=2", "web-1"), ("gateway=true", ""),
    ])
  func filters(query: String, names: String) async throws {
    let answer = await (try Self.shop()).get("/meshes/shop/_tracing?\(query)")
    #expect(answer.names.joined(separator: " ") == names)
    #expect(answer.document["proxies"] == 4)
  }

  @Test("names the nearest cause to one that does not exist, and the mesh that is not there") func slips() async throws
  {
    let api = try await Self.shop()
    #expect(
      await api.get("/meshes/shop/_tracing?cause=no-polcy").causes.first?.contains("did you mean no-policy?") == true)
    #expect(await api.get("/meshes/absent/_tracing").status == 404)
    #expect(await api.get("/meshes/shop/_tracing?notTraced=TRUE").status == 400)
    #expect(await api.get("/meshes/shop/services/absent/_tracing").status == 404)
    #expect(
      await api.get("/meshes/shop/_tracing?size=1").document["next"]?.string?.hasSuffix("offset=1&size=1") == true)
  }

  @Test(
    "refuses filters that it does not understand, with the parameter",
    arguments: [
      ("notTraced=TRUE", #"notTraced: must be true or false, not "TRUE""#), ("notTraced=1", "notTraced: must be true"),
      ("name=%ff", #"name: "name=%ff" cannot be decoded"#),
    ])
  func misunderstood(query: String, cause: String) async throws {
    let api = try await Self.shop()
    let answer = await api.get("/meshes/shop/_tracing?\(query)")
    #expect(answer.status == 400 && answer.causes.first?.hasPrefix(cause) == true, "\(answer.causes)")
    #expect(await api.get("/meshes/shop/_tracing?notTraced=false").names.count == 4)
  }

  @Test("knows each write at once, though answers are used again") func fresh() async throws {
    let api = try await Self.shop()
    #expect(await api.get("/meshes/shop/_tracing?cause=no-policy").names == ["other"])
    await api.putTrace("all")
    #expect(await api.get("/meshes/shop/_tracing?cause=no-policy").names == [])
    #expect(await api.get("/meshes/shop/dataplanes/other/_tracing").document["verdict"]?["cause"] == "never-connected")
  }

  @Test("of a Dataplane that was just created, or created again, no fault is named before its proxy could connect")
  func beginning() async throws {
    let api = try await Self.shop()
    func verdict(at seconds: Int64) async -> DocumentValue {
      api.clock.set(Timestamp(seconds: 1_700_000_000 + seconds))
      return await api.get("/meshes/shop/dataplanes/new/_tracing").document["verdict"] ?? .null
    }
    await api.putTrace("all")
    for created: Int64 in [60, 100] {
      await api.putProxy("new", service: "new", tags: #","kuma.io/protocol":"http""#)
      let starting = await verdict(at: created + 3)
      #expect(starting["cause"] == "none-expected" && starting["level"] == "waiting")
      #expect(
        starting["evidence"]?.array?.first?["text"]
          == "Its Dataplane was created 3 seconds ago; its proxy has not connected yet.")
      #expect(await verdict(at: created + 9)["cause"] == "never-connected")
      #expect(Self.causes(await api.get("/meshes/shop/_tracing?name=new").document) == ["new: never-connected"])
      // What is written over stays what it is.
      await api.putProxy("new", service: "new", tags: #","kuma.io/protocol":"http","version":"2""#)
      #expect(await verdict(at: created + 20)["cause"] == "never-connected")
      #expect(await api.send(.delete, "/meshes/shop/dataplanes/new").status == 200)
      api.clock.set(Timestamp(seconds: 1_700_000_100))
    }
  }

  @Test("says what makes a kuma-dp of another product tell what its Envoy counts") func advice() async throws {
    let api = try await Self.shop()
    try await Self.online(api, "web-1", kumaDp: "2.9.0")
    let answer = await api.get("/meshes/shop/dataplanes/web-1/_tracing").document
    #expect(
      answer["evidence"]?["reason"] == "its kuma-dp (version 2.9.0) does not send them; do what makes it tell")
  }

  @Test("has what an Envoy counted, how old that is, and a receipt for each listener") func evidence() async throws {
    let api = try await Self.shop()
    try await Self.online(api, "web-1")
    let proxy = ProxyID(mesh: "shop", name: "web-1")
    api.spans.count(proxy, now: api.clock.now) { history in
      history.record(
        [Statistic("localhost_80", .requests): 7, Statistic("localhost_80", .random): 7], isWhole: true, epoch: "e",
        envoyVersion: "1.40.0", at: api.clock.now)
    }
    let answer = await api.get("/meshes/shop/dataplanes/web-1/_tracing").document
    #expect(answer["evidence"]?["source"] == "kuma-dp")
    #expect(answer["evidence"]?["ageMs"] == 0)
    #expect(answer["evidence"]?["listeners"]?["localhost_80"] == ["requests": 7, "random": 7])
    #expect(answer["receipts"]?.array?.compactMap { $0["direction"]?.string } == ["inbound", "outbound"])
    #expect(
      answer["traced"] == true && answer["connection"]?["status"] == "online", "what was there before is still there")
  }

  @Test("without what decides it is unknown, and says what is missing") func unknown() async throws {
    let api = try await Self.shop()
    try await Self.online(api, "web-1")
    let silent = await api.get("/meshes/shop/dataplanes/web-1/_tracing").document
    #expect(silent["verdict"]?["fine"] == false)
    #expect(silent["evidence"]?["reason"] == "its kuma-dp has not sent any yet")
    #expect(silent["receipts"]?.array?.allSatisfy { $0["state"] == "unknown" } == true)
    // Connected to another control plane, to which everything goes that would tell.
    try await Self.online(api, "web-2", instance: "cp-2")
    let elsewhere = await api.get("/meshes/shop/dataplanes/web-2/_tracing").document
    #expect(elsewhere["verdict"]?["fine"] == false)
    #expect(elsewhere["evidence"]?["reason"]?.string?.contains("cp-2") == true)
    #expect(elsewhere["verdict"]?["cause"] == "connected-elsewhere" && elsewhere["verdict"]?["level"] == "unknown")
    let items = await api.get("/meshes/shop/_tracing?service=web").document["items"]?.array ?? []
    #expect(items.map { $0["controlPlane"]?.string } == [nil, "cp-2"])
  }

  @Test("of a service, and of the way to it: the outbound that is missing") func service() async throws {
    let api = try await Self.shop()
    let service = await api.get("/meshes/shop/services/web/_tracing").document
    #expect(service["verdict"]?["cause"] == "never-connected" && service["fine"] == false)
    #expect(service["looked"] == ["2 proxies of \"web\""])
    #expect(service["proxies"]?.array?.count == 2 && service["way"] == .null)
    let way = await api.get("/meshes/shop/services/api/_tracing?from=batch").document
    #expect(way["verdict"]?["cause"] == "no-outbound")
    #expect(way["way"]?["outbound"] == false)
    let known = await api.get("/meshes/shop/services/api/_tracing?from=web").document
    #expect(known["way"]?["outbound"] == true && known["way"]?["protocol"] == "http")
    #expect(known["callers"]?.array?.count == 2)
  }

  @Test("of senders: as the collector describes them, page by page") func senders() async throws {
    let api = TestAPI()
    #expect(await api.get("/senders").document == ["total": 0, "items": [], "next": .null])
    api.spans.set(senders: [
      ["id": "default.web-1", "node": "default.web-1", "services": ["web"]],
      ["id": "app", "services": ["app", "web"]],
    ])
    #expect(await api.get("/senders?service=web").document["total"] == 2)
    #expect(await api.get("/senders?node=default.web-1").document["total"] == 1)
    let page = await api.get("/senders?size=1").document
    #expect(
      page["total"] == 2 && page["items"]?.array?.count == 1 && page["next"]?.string?.contains("offset=1") == true)
  }
}
