import Glibc
import HTTPTypes
import LoopbackTestSupport
import MeshModel
import MeshStore
import MeshTestSupport
import OrderedCollections
import Testing

/// What a change would do, and nothing is written.
extension TracingCommandTests {
  private static let warnings = """
    Warning: TrafficTrace "all" applies to a data plane proxy that has no HTTP listener and will leave no spans: "api-2". \
    Set the tag kuma.io/protocol to http, http2 or grpc.
    Warning: Service "api" is handled as TCP, and requests to it will leave no spans at its callers: data plane proxy \
    "api-2" has no tag kuma.io/protocol, while others speak http.

    """

  @Test("show what a change would do, document after document, and write nothing")
  func serverDryRun() async throws {
    let store = try await Self.store()
    try await store.put(.trafficTrace("web", match: [TagName.service: "web"], backend: "zipkin"))
    let before = store.sequence
    try await CommandTests().withControlPlane(store: store) { kumactl, _, requests in
      let text =
        Self.yaml(.mesh(backends: ["jaeger", "zipkin"])) + "---\n" + Self.policy("all") + "---\n"
        + Self.policy("web", service: "web")
      let shown = try await kumactl("apply", "-f", "-", "--dry-run=server", input: text)
      #expect(shown.status == 0)
      #expect(shown.errors == Self.warnings)
      #expect(
        shown.output == """
          Dry run, nothing was written.

          ACTION      TYPE           MESH      NAME
          unchanged   Mesh           -         default
          create      TrafficTrace   default   all
          update      TrafficTrace   default   web

          3 data plane proxies would change their tracing backends:

          MESH      DATAPLANE   FROM     TO       POLICY
          default   api-1       -        jaeger   all
          default   api-2       -        jaeger   all
          default   web-1       zipkin   jaeger   web

          """)
      #expect(requests() == ["POST /_dry-run"])
      #expect(store.sequence == before)
      let json = try await kumactl("apply", "-f", "-", "--dry-run=server", "-o", "json", input: text).output
      let document = try DocumentValue(json: json.utf8)
      #expect(document["dryRun"] == true)
      #expect(document["changes"]?.array?.count == 3)
      let yaml = try await kumactl("apply", "-f", "-", "--dry-run=server", "-o", "yaml", input: text).output
      #expect(try DocumentValue.yamlDocuments(yaml) == [document])
    }
  }

  @Test("say when nothing would change, or only the settings of a backend")
  func quietDryRun() async throws {
    let store = try await Self.store()
    try await store.put(.trafficTrace("web", match: [TagName.service: "web"]))
    try await CommandTests().withControlPlane(store: store) { kumactl, _, _ in
      let same = try await kumactl(
        "apply", "-f", "-", "--dry-run=server", input: Self.policy("web", service: "web"))
      #expect(
        same.output == """
          Dry run, nothing was written.

          ACTION      TYPE           MESH      NAME
          unchanged   TrafficTrace   default   web

          No data plane proxy would change its tracing backend.

          """)
      let mesh = Self.yaml(.mesh(backends: ["jaeger"])).replacing("sampling: 100", with: "sampling: 1")
      let sampled = try await kumactl("apply", "-f", "-", "--dry-run=server", input: mesh)
      #expect(
        sampled.output.hasSuffix(
          """
          1 data plane proxy would change its tracing backend:

          MESH      DATAPLANE   FROM     TO                        POLICY
          default   web-1       jaeger   jaeger (other settings)   web

          """), "\(sampled.output)")
    }
  }

  @Test("warn of one thing once, however many documents it is about")
  func warnedOnce() async throws {
    let store = try await Self.store()
    try await CommandTests().withControlPlane(store: store) { kumactl, _, _ in
      let proxies = try ["api-2", "web-1"].map { name in
        Self.yaml(try #require(store.get(ResourceKey(type: .dataplane, mesh: "default", name: name))))
      }
      let text = ([Self.policy("all")] + proxies).joined(separator: "---\n")
      let applied = try await kumactl("apply", "-f", "-", input: text)
      #expect(applied.status == 0)
      #expect(applied.errors == Self.warnings)
    }
  }

  @Test(
    "refuse a dry run that cannot be",
    arguments: [
      (["--dry-run=maybe"], "invalid dry-run value \"maybe\": must be none, client or server"),
      (["-o", "json"], "--output chooses the form of what --dry-run=server finds; give both or neither"),
      (["--dry-run", "-o", "yaml"], "--output chooses the form of what --dry-run=server finds; give both or neither"),
    ])
  func refused(options: [String], message: String) async throws {
    try await KumactlProcess.withHome { kumactl in
      let refused = try await kumactl.run(["apply", "-f", "-"] + options, input: Self.policy("all"))
      #expect(refused == .init(status: 1, output: "", errors: "Error: \(message)\n"))
    }
  }

  @Test(
    "take the older flag in every spelling as what it was",
    arguments: ["--dry-run", "--dry-run=client", "--dry-run=true"])
  func clientDryRun(option: String) async throws {
    try await CommandTests().withControlPlane { kumactl, _, requests in
      let shown = try await kumactl("apply", option, "-f", "-", input: Self.policy("a"))
      #expect(shown.status == 0)
      #expect(try DocumentValue.yamlDocuments(shown.output).first?["name"] == "a")
      #expect(requests().isEmpty)
    }
  }

  @Test("tell when the control plane refuses, or has no dry run")
  func refusedDryRun() async throws {
    try await CommandTests().withControlPlane { kumactl, _, _ in
      let refused = try await kumactl("apply", "-f", "-", "--dry-run=server", input: Self.policy("a"))
      #expect(refused == .init(status: 1, output: "", errors: "Error: Failed to retrieve Mesh (Not found)\n"))
    }
    // Kuma's answer to a path that it does not have.
    let responder: LoopbackServer.Responder = { request, _ in
      let isIndex = request.path == "/"
      let text = isIndex ? #"{"tagline":"Kuma","version":"2.7.0"}"# : "404: Page Not Found"
      return (HTTPResponse(status: isIndex ? .ok : .notFound), Array(text.utf8))
    }
    try await LoopbackServer.run(responder) { base in
      try await KumactlProcess.withHome { kumactl in
        _ = try await kumactl("config", "control-planes", "add", "--name", "x", "--address", base)
        let refused = try await kumactl("apply", "-f", "-", "--dry-run=server", input: Self.policy("a"))
        #expect(refused.status == 1)
        #expect(
          refused.errors
            == "Error: the control plane at \(base) has no dry run; use --dry-run=client to see the resources\n")
      }
    }
  }
}
