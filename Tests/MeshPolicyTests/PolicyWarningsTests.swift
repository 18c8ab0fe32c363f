import MeshModel
import MeshPolicy
import Testing

@Suite struct PolicyWarningsTests {
  private static func mesh(_ backends: [String], defaultBackend: String = "") -> Mesh {
    Mesh(
      tracing: Mesh.Tracing(
        defaultBackend: defaultBackend,
        backends: backends.map { TracingBackend(name: $0, zipkin: ZipkinConf(url: "http://z:9411/s")) }))
  }

  private static func backendWarnings(_ backend: String, _ mesh: Mesh) -> [String] {
    PolicyWarnings.backend(of: TrafficTrace(["service=*"], backend: backend), name: "t", mesh: mesh, meshName: "m")
  }

  @Test("a backend that exists causes no warning") func found() {
    #expect(Self.backendWarnings("a", Self.mesh(["a"])).isEmpty)
    #expect(Self.backendWarnings("", Self.mesh(["a"], defaultBackend: "a")).isEmpty)
  }

  @Test("an unknown backend, with the nearest name, with all names, with none") func unknown() {
    let start = "TrafficTrace \"t\" names the tracing backend"
    #expect(
      Self.backendWarnings("jager-collector", Self.mesh(["zipkin", "jaeger-collector"])) == [
        "\(start) \"jager-collector\", which mesh \"m\" does not have; did you mean \"jaeger-collector\"? "
          + "Nothing will be traced."
      ])
    #expect(
      Self.backendWarnings("nowhere", Self.mesh(["a", "b"])) == [
        "\(start) \"nowhere\", which mesh \"m\" does not have; it has \"a\", \"b\". Nothing will be traced."
      ])
    #expect(
      Self.backendWarnings("nowhere", Self.mesh((1...7).map { "backend-number-\($0)" })) == [
        "\(start) \"nowhere\", which mesh \"m\" does not have; it has \"backend-number-1\", \"backend-number-2\", "
          + "\"backend-number-3\", \"backend-number-4\", \"backend-number-5\" and 2 more. Nothing will be traced."
      ])
    #expect(
      Self.backendWarnings("nowhere", Mesh()) == [
        "\(start) \"nowhere\", which mesh \"m\" does not have; it has none. Nothing will be traced."
      ])
  }

  @Test("no backend and no default") func noDefault() {
    #expect(
      Self.backendWarnings("", Self.mesh(["a"])) == [
        "TrafficTrace \"t\" names no tracing backend, and mesh \"m\" has no tracing.defaultBackend. Nothing will be "
          + "traced; set conf.backend or the default."
      ])
  }

  struct Unmatched: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var selectors: [String]
    var ending: String
  }

  private static let proxies = [
    Dataplane(inbounds: ["service=web protocol=http region=us", "service=admin version=v1"]),
    Dataplane(gateway: "service=edge"),
  ]

  @Test(
    "a policy that matches no proxy",
    arguments: [
      Unmatched(
        testDescription: "a misspelt value", selectors: ["service=wep"],
        ending: ": none has the tag \"kuma.io/service\" with the value \"wep\"; did you mean \"web\"?"),
      Unmatched(
        testDescription: "a value like no other", selectors: ["service=warehouse"],
        ending: ": none has the tag \"kuma.io/service\" with the value \"warehouse\"."),
      Unmatched(
        testDescription: "a misspelt tag", selectors: ["kuma.io/servise=*"],
        ending: ": none has the tag \"kuma.io/servise\"; did you mean \"kuma.io/service\"?"),
      Unmatched(
        testDescription: "a tag like no other", selectors: ["team=*"], ending: ": none has the tag \"team\"."),
      Unmatched(
        testDescription: "the second selector is at fault", selectors: ["service=web version=v1", "team=a"],
        ending: ": none has the tag \"team\"."),
      Unmatched(
        testDescription: "tags of two inbounds", selectors: ["service=web version=v1"],
        ending: ": no single inbound has all tags of a selector."),
    ])
  func unmatched(row: Unmatched) {
    let warnings = PolicyWarnings.unmatched(
      TrafficTrace(row.selectors), name: "t", meshName: "m", proxies: Self.proxies)
    #expect(warnings == ["TrafficTrace \"t\" matches none of the 2 data plane proxies of mesh \"m\"" + row.ending])
  }

  @Test("one proxy is spoken of as one") func unmatchedOne() {
    let warnings = PolicyWarnings.unmatched(
      TrafficTrace(["team=*"]), name: "t", meshName: "m", proxies: [Dataplane(gateway: "service=edge")])
    #expect(
      warnings == [
        "TrafficTrace \"t\" does not match the one data plane proxy of mesh \"m\": none has the tag \"team\"."
      ])
  }

  @Test("a mesh without proxies causes no warning") func unmatchedNothing() {
    #expect(PolicyWarnings.unmatched(TrafficTrace(["a=*"]), name: "t", meshName: "m", proxies: []).isEmpty)
  }

  @Test("a policy in the shadow of others") func overshadowed() {
    #expect(PolicyWarnings.overshadowed(name: "t", matched: 0, winners: []).isEmpty)
    #expect(
      PolicyWarnings.overshadowed(name: "t", matched: 1, winners: ["b"]) == [
        "TrafficTrace \"t\" applies to no proxy: the one proxy that it matches has a more specific or later created "
          + "policy, \"b\"."
      ])
    #expect(
      PolicyWarnings.overshadowed(name: "t", matched: 2, winners: ["c", "b"]) == [
        "TrafficTrace \"t\" applies to no proxy: each of the 2 proxies that it matches has a more specific or later "
          + "created policy, \"b\", \"c\"."
      ])
  }

  @Test("settings that mean something else than they say") func settings() {
    var mesh = Self.mesh(["a"])
    #expect(PolicyWarnings.settings(of: mesh).isEmpty)
    #expect(PolicyWarnings.settings(of: Mesh()).isEmpty)
    mesh.tracing?.backends.append(
      TracingBackend(name: "old", zipkin: ZipkinConf(url: "http://z:9411/s", apiVersion: "httpJsonV1")))
    #expect(
      PolicyWarnings.settings(of: mesh) == [
        "Tracing backend \"old\" has apiVersion \"httpJsonV1\", which Envoy no longer supports; spans are sent as JSON of "
          + "version 2. Use \"httpJson\"."
      ])
  }

  @Test("policies that lose their backends when a mesh is updated") func losing() {
    let policies = ["c": "gone", "b": "gone", "a": "kept", "d": "", "e": "never"].map {
      (name: $0.key, policy: TrafficTrace(["service=*"], backend: $0.value))
    }
    let before = Self.mesh(["gone", "kept"], defaultBackend: "gone")
    let after = Self.mesh(["kept"])
    func warnings(_ mesh: Mesh, before: Mesh?) -> [String] {
      PolicyWarnings.policies(policies, losingBackendsIn: mesh, meshName: "m", before: before)
    }
    let noDefault =
      "Mesh \"m\" has no tracing.defaultBackend, on which TrafficTrace \"d\" relies. Nothing will be traced there."
    let gone =
      "Mesh \"m\" has no tracing backend \"gone\", which TrafficTrace \"b\", \"c\" name. Nothing will be traced there."
    let never =
      "Mesh \"m\" has no tracing backend \"never\", which TrafficTrace \"e\" names. Nothing will be traced there."
    #expect(warnings(after, before: before) == [noDefault, gone], "the update is not at fault for the rest")
    #expect(warnings(after, before: nil) == [noDefault, gone, never])
    #expect(warnings(before, before: after).isEmpty)
    #expect(warnings(before, before: nil) == [never])
  }
}
