import HTTPTypes
import MeshModel
import MeshStore
import MeshTestSupport
import Testing

/// Lists: their order, pages, filters and forms.
@Suite struct ListTests {
  static let list = "/meshes/shop/traffic-traces"

  /// An API whose mesh `shop` has the policies t0, t1, … t4.
  static func withFive() async throws -> TestAPI {
    let api = try await TestAPI.withMesh()
    for number in [3, 0, 4, 1, 2] { try await api.store.put(.trafficTrace("t\(number)", mesh: "shop")) }
    return api
  }

  struct PageRow: Sendable, CustomTestStringConvertible {
    var query: String
    var names: [String]
    /// The query of the link to the next page.
    var next: String?
    var testDescription: String { "?\(query)" }

    init(_ query: String, _ names: String, next: String? = nil) {
      self.query = query
      self.names = names.split(separator: " ").map(String.init)
      self.next = next
    }
  }

  static let all = "t0 t1 t2 t3 t4"
  static let pages = [
    PageRow("", all), PageRow("size=5", all), PageRow("size=1000", all), PageRow("size=", all), PageRow("offset=", all),
    PageRow("size=2", "t0 t1", next: "offset=2&size=2"),
    PageRow("size=2&offset=2", "t2 t3", next: "offset=4&size=2"),
    PageRow("size=2&offset=4", "t4"),
    PageRow("offset=3", "t3 t4"),
    PageRow("size=3&offset=5", ""), PageRow("offset=99999", ""),
    PageRow("offset=9223372036854775807&size=1000", ""),
    PageRow("size=0", all), PageRow("size=0&offset=3", all),
    PageRow("size=-1", "", next: "offset=-1&size=-1"),
    PageRow("zeta=%C3%A4+b&size=1&alpha=1%262", "t0", next: "alpha=1%262&offset=1&size=1&zeta=%C3%A4+b"),
    PageRow("size=4&unknown&size=1", "t0 t1 t2 t3", next: "offset=4&size=4&size=1&unknown="),
    PageRow("size=3&name=t", "t0 t1 t2", next: "name=t&offset=3&size=3"),
    PageRow("name=t3", "t3"), PageRow("name=", all), PageRow("name=x", ""), PageRow("name=T", ""),
  ]

  @Test("pages", arguments: pages)
  func page(_ row: PageRow) async throws {
    let answer = await (try Self.withFive()).get(Self.list + (row.query.isEmpty ? "" : "?\(row.query)"))
    #expect(answer.status == 200)
    #expect(answer.names == row.names)
    let next = answer.document["next"]
    #expect(next == row.next.map { .string("http://cp.example:5681\(Self.list)?\($0)") } ?? .null)
  }

  @Test(
    "links have no escapes that are not needed",
    arguments: ["/meshes/sh%6Fp/traffic-traces", "/meshes/shop%2Ftraffic-traces", "/meshes%2fshop/traffic%2Dtraces"])
  func escapes(_ path: String) async throws {
    let answer = await (try Self.withFive()).get("\(path)?size=1")
    #expect(answer.document["next"] == .string("http://cp.example:5681\(Self.list)?offset=1&size=1"))
  }

  @Test("following the links gives every item once", arguments: [1, 2, 3, 100])
  func walk(size: Int) async throws {
    let api = try await Self.withFive()
    for number in 5..<230 { try await api.store.put(.trafficTrace("t\(number)", mesh: "shop")) }
    var names: [String] = []
    var path: String? = "\(Self.list)?size=\(size)"
    while let next = path {
      let answer = await api.get(next)
      #expect(answer.document["total"] == 230)
      names += answer.names
      path = answer.document["next"]?.string.map { String($0.dropFirst("http://cp.example:5681".count)) }
    }
    #expect(names == (0..<230).map { "t\($0)" }.sorted())
    #expect(await api.get(Self.list).names.count == 100, "without a size a page has 100")
  }

  @Test("links name the scheme and host of the request") func scheme() async throws {
    let answer = await (try Self.withFive()).send(.get, "/traffic-traces?size=1", scheme: "https")
    #expect(answer.document["next"]?.string == "https://cp.example:5681/traffic-traces?offset=1&size=1")
  }

  @Test(
    "pages that make no sense",
    arguments: [
      ("size=x", "invalid format"), ("size=1.5", "invalid format"), ("size=99999999999999999999", "invalid format"),
      ("size=1001", "invalid page size of 1001. Maximum page size is 1000"),
      ("offset=x", ""), ("offset=-1", ""),
      ("offset=1.5", ""), ("size=1&offset=x", ""),
    ])
  func badPage(query: String, message: String) async throws {
    let api = try await TestAPI.withMesh()
    for path in [Self.list, "/meshes", "/dataplanes/_overview", "/meshes/shop/dataplanes+insights", "/mesh-insights"] {
      let answer = await api.get("\(path)?\(query)")
      let expected =
        message.isEmpty
        ? DocumentValue.error(
          400, "Could not retrieve resources", "Invalid offset", causes: [("offset", "Invalid format")])
        : .error(400, "Could not retrieve resources", "Invalid page size", causes: [("size", message)])
      #expect(answer.document.sortedByKey() == expected, "\(path)")
      #expect(answer.status == 400)
    }
  }

  @Test("lists are sorted by mesh and name, and of one mesh or all") func meshes() async throws {
    let api = TestAPI()
    for mesh in ["b", "a"] {
      try await api.store.put(.mesh(mesh))
      for name in ["y", "x"] { try await api.store.put(.trafficTrace(name, mesh: mesh)) }
    }
    let items = await api.get("/traffic-traces").document["items"]?.array ?? []
    #expect(items.map { "\($0["mesh"]?.string ?? "")/\($0["name"]?.string ?? "")" } == ["a/x", "a/y", "b/x", "b/y"])
    #expect(await api.get("/meshes/b/traffic-traces").names == ["x", "y"])
    #expect(await api.get("/meshes").names == ["a", "b"])
    let empty = await api.get("/meshes/a/dataplanes")
    #expect(empty.document == ["total": 0, "items": [], "next": .null])
  }

  // MARK: Filters of proxies

  /// Two sidecars, one of them with two inbounds, and gateways of both kinds.
  static func withProxies() async throws -> TestAPI {
    let api = try await TestAPI.withMesh()
    await api.putProxy("api", service: "api", tags: #","version":"v1:2""#)
    await api.putProxy("edge", networking: TestAPI.gateway)
    await api.putProxy(
      "ingress",
      networking: #"{"address":"10.1.0.1","gateway":{"type":"BUILTIN","tags":{"kuma.io/service":"in"}}}"#)
    await api.putProxy(
      "web",
      networking: #"""
        {"address":"10.1.0.1","inbound":[{"port":80,"tags":{"kuma.io/service":"web","version":"v2"}},
          {"port":81,"tags":{"kuma.io/service":"admin","region":"eu"}}]}
        """#)
    return api
  }

  @Test(
    "filters of proxies",
    arguments: [
      ("", "api edge ingress web"), ("gateway=true", "edge ingress"), ("gateway=TRUE", "edge ingress"),
      ("gateway=false", "api web"), ("gateway=builtin", "ingress"), ("gateway=Delegated", "edge"),
      ("gateway=", "api edge ingress web"), ("tag=kuma.io/service:web", "web"), ("tag=kuma.io/service:e", "edge web"),
      ("tag=kuma.io%2Fservice%3Aapi", "api"), ("tag=version:v1:2", "api"), ("tag=version:v", "api web"),
      ("tag=version:", "api web"), ("tag=version", "api edge ingress web"), ("tag=nothing:x", ""),
      ("tag=version:v&tag=kuma.io/service:web", "web"), ("tag=version:v2&tag=region:eu", ""),
      ("tag=kuma.io/zone:default&gateway=true", "edge ingress"), ("name=e", "edge ingress web"),
      ("name=e&gateway=false", "web"),
    ])
  func filters(query: String, names: String) async throws {
    let api = try await Self.withProxies()
    let expected = names.split(separator: " ").map(String.init)
    for path in [
      "/meshes/shop/dataplanes", "/dataplanes", "/meshes/shop/dataplanes/_overview", "/dataplanes/_overview",
      "/meshes/shop/dataplanes+insights", "/dataplanes+insights",
    ] {
      let answer = await api.get("\(path)?\(query)")
      #expect(answer.names == expected, "\(path)")
      #expect(answer.document["total"] == .integer(Int64(expected.count)), "\(path)")
    }
  }

  @Test("a gateway filter that makes no sense") func badGateway() async throws {
    let answer = await (try TestAPI.withMesh()).get("/meshes/shop/dataplanes/_overview?gateway=maybe")
    #expect(
      answer.document.sortedByKey()
        == .error(
          400, "Could not retrieve resources", "Resource is not valid",
          causes: [
            (
              "/meshes/{mesh}/dataplanes/_overview.gateway",
              "shoud use `true`, `false`, 'builtin' or 'delegated' instead of maybe"
            )
          ]))
  }

  // MARK: Forms

  @Test("the Kubernetes form", arguments: ["kubernetes", "k8s"])
  func kubernetes(form: String) async throws {
    let api = try await TestAPI.withMesh()
    await api.putTrace("t", backend: "jaeger-collector")
    let path = "\(Self.list)/t"
    let time = try #require(await api.get(path).document["creationTime"])
    let expected: DocumentValue = [
      "apiVersion": "kuma.io/v1alpha1", "kind": "TrafficTrace", "mesh": "shop",
      "metadata": ["name": "t", "creationTimestamp": time, "labels": ["kuma.io/origin": "zone"]],
      "spec": [
        "selectors": [["match": ["kuma.io/service": "*"]]], "conf": ["backend": "jaeger-collector"],
      ],
    ]
    #expect(await api.get("\(path)?format=\(form)").document == expected)
    #expect(await api.get("\(Self.list)?format=\(form)").document["items"] == [expected])
    let mesh = await api.get("/meshes/shop?format=\(form)").document
    #expect(mesh["kind"] == "Mesh")
    #expect(mesh["mesh"] == nil)
    #expect(mesh["spec"]?["tracing"]?["defaultBackend"] == "jaeger-collector")
  }

  @Test("the Universal form is the default, other forms are refused") func forms() async throws {
    let api = try await Self.withFive()
    let plain = await api.get("\(Self.list)/t0").document
    for query in ["format=", "format=universal"] {
      #expect(await api.get("\(Self.list)/t0?\(query)").document == plain)
    }
    for path in [Self.list, "\(Self.list)/t0"] {
      let answer = await api.get("\(path)?format=xml")
      #expect(answer.status == 400)
      #expect(answer.title == "invalid format")
      #expect(answer.causes == [#": "format" must be one of ["k8s", "kubernetes", "universal"]"#])
    }
  }
}
