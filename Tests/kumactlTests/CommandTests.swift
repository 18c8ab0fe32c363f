import Foundation
import HTTPService
import HTTPTypes
import LoopbackTestSupport
import MeshAccess
import MeshHTTP
import MeshHTTPTestSupport
import MeshModel
import MeshPolicy
import MeshStore
import Synchronization
import Testing

/// The program against the real API over a store in memory.
@Suite("Commands")
struct CommandTests {
  /// Proxies whose Envoys repeat what they are asked.
  private struct EchoingEnvoys: EnvoyAdministration {
    func answer(to question: EnvoyQuestion, of proxy: ProxyID, defaultPort: UInt16?) -> [UInt8] {
      switch question {
      case .configuration: Array(#"{"configs":[{"of":"\#(proxy)"}]}"#.utf8)
      case .statistics: Array("statistics of \(proxy): 1\n".utf8)
      case .clusters: Array("clusters of \(proxy)::2\n".utf8)
      case .passthrough: Array("cluster.outbound_passthrough_ipv4.upstream_cx_total: 12\n".utf8)
      }
    }
  }

  /// Serves the API, adds it to the program's configuration, and tells which requests were made.
  func withControlPlane(
    store: MemoryStore = MemoryStore(), spans: KnownSpans = KnownSpans(), tokens: (any TokenIssuing)? = nil,
    _ body: @escaping @Sendable (KumactlProcess, String, @Sendable () -> [String]) async throws -> Void
  ) async throws {
    let api = MeshAPI(
      store: store,
      configuration: APIConfiguration(hostname: "h", version: "1.2.3", instanceId: "i", clusterId: "c"),
      inspection: IndexInspection(store: store), administration: EchoingEnvoys(),
      diagnoses: spans.diagnoses(of: store) { .now }, tokens: tokens,
      now: { Timestamp(seconds: 1_800_000_000) })
    let requests = Mutex<[String]>([])
    let responder: LoopbackServer.Responder = { request, bytes in
      requests.withLock { $0.append("\(request.method.rawValue) \(request.path ?? "")") }
      return await api.respond(to: request, body: bytes).message(to: request)
    }
    try await LoopbackServer.run(responder) { base in
      try await KumactlProcess.withHome { kumactl in
        let added = try await kumactl("config", "control-planes", "add", "--name", "test", "--address", base)
        #expect(added.status == 0, "\(added.errors)")
        requests.withLock { $0 = [] }
        try await body(kumactl, base) { requests.withLock { $0 } }
      }
    }
  }

  private static let mesh = """
    type: Mesh
    name: default
    tracing:
      backends:
      - name: jaeger-collector
        type: zipkin
        conf: {url: "http://jaeger:9411/api/v2/spans"}

    """

  private static func policy(_ name: String, backend: String = "jaeger-collector") -> String {
    """
    type: TrafficTrace
    mesh: default
    name: \(name)
    selectors:
    - match: {kuma.io/service: '*'}
    conf: {backend: \(backend)}

    """
  }

  @Test("that Kuma alone has end with status 1 and write nothing to where a token would go")
  func foreignCommand() async throws {
    try await KumactlProcess.withHome { kumactl in
      let token = try await kumactl("generate", "zone-token", "--zone=east", "--valid-for", "24h")
      #expect(token.status == 1)
      #expect(token.output.isEmpty)
      #expect(token.errors.hasPrefix("Error: Kuma has the command \"kumactl generate zone-token\""))
      let slip = try await kumactl("get", "mesches")
      #expect(slip.status == 0)
      #expect(slip.output.hasPrefix("Show Kuma resources.\n"))
      #expect(slip.errors == "Warning: \"mesches\" is not a command of \"kumactl get\"; did you mean \"meshes\"?\n")
    }
  }

  @Test("read documents in UTF-16, and say what is wrong with others")
  func encodings() async throws {
    try await withControlPlane { kumactl, _, _ in
      let text = "\u{feff}" + Self.mesh + "---\n\n---\n" + Self.policy("a") + "---\n"
      for (name, encoding) in [("a.yaml", String.Encoding.utf16LittleEndian), ("b.yaml", .utf16BigEndian)] {
        try #require(text.data(using: encoding)).write(to: kumactl.home.appending(path: name))
        let applied = try await kumactl("apply", "-f", name)
        #expect(applied.status == 0, "\(applied.errors)")
      }
      try Data([0x61, 0xff, 0x62]).write(to: kumactl.home.appending(path: "c.yaml"))
      let refused = try await kumactl("apply", "-f", "c.yaml")
      #expect(refused.status == 1)
      #expect(refused.errors.contains("c.yaml: the text is not valid UTF-8; save it as UTF-8"), "\(refused.errors)")
    }
  }

  @Test("warn of values that are written as HTML, and of names that only old resources may have")
  func warnings() async throws {
    try await KumactlProcess.withHome { kumactl in
      try kumactl.write(Self.policy("{{ n }}", backend: "\"{{{ b }}}\""), to: "t.yaml")
      let shown = try await kumactl("apply", "-f", "t.yaml", "--dry-run", "-v", "n=a_b", "-v", "b=x&y")
      #expect(shown.status == 0, "\(shown.errors)")
      #expect(shown.output.contains("backend: x&y\n"))
      #expect(shown.errors.contains("Warning: --var b: the value holds characters"))
      #expect(shown.errors.contains("[WARNING] Kuma 2.5.x introduces more strict validation rules for resource name"))
    }
  }

  @Test("apply, show and delete resources")
  func lifeCycle() async throws {
    try await withControlPlane { kumactl, _, _ in
      let text = Self.mesh + "---\n" + Self.policy("a") + "---\n" + Self.policy("b")
      #expect(try await kumactl("apply", "-f", "-", input: text).status == 0)
      let table = try await kumactl("get", "traffic-traces").output
      #expect(
        table.split(separator: "\n").map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
          "MESH NAME", "default a", "default b",
        ])
      let json = try await kumactl("get", "traffic-trace", "a", "-o", "json").output
      #expect(try DocumentValue(json: json.utf8)["conf"]?["backend"] == "jaeger-collector")
      let part = try await kumactl("get", "traffic-traces", "--size", "1")
      #expect(part.output.hasSuffix("\n\nRerun command with --offset=1 argument to retrieve more resources\n"))
      #expect(try await kumactl("delete", "traffic-trace", "a").output == "deleted TrafficTrace \"a\"\n")
      let gone = try await kumactl("delete", "traffic-trace", "a")
      #expect(gone == .init(status: 1, output: "", errors: "Error: there is no TrafficTrace with name \"a\"\n"))
    }
  }

  @Test("what was exported can be applied again, in both forms", arguments: ["universal", "kubernetes"])
  func export(form: String) async throws {
    try await withControlPlane { kumactl, _, _ in
      #expect(try await kumactl("apply", "-f", "-", input: Self.mesh + "---\n" + Self.policy("a")).status == 0)
      let exported = try await kumactl("export", "--format", form)
      #expect(exported.status == 0)
      #expect(try await kumactl("delete", "mesh", "default").status == 0)
      let applied = try await kumactl("apply", "-f", "-", input: exported.output)
      #expect(applied.status == 0, "\(applied.errors)")
      #expect(try await kumactl("export", "--format", form).output == exported.output)
    }
  }

  @Test("show what a proxy's Envoy says")
  func envoy() async throws {
    try await withControlPlane { kumactl, _, _ in
      let proxy = """
        ---
        type: Dataplane
        mesh: default
        name: web
        networking:
          address: 10.0.0.1
          inbound: [{port: 80, tags: {kuma.io/service: web}}]

        """
      #expect(try await kumactl("apply", "-f", "-", input: Self.mesh + proxy).status == 0)
      let dump = try await kumactl("inspect", "dataplane", "web", "--type=config-dump")
      #expect(dump.output == "{\n  \"configs\": [\n    {\n      \"of\": \"default.web\"\n    }\n  ]\n}\n")
      let statistics = try await kumactl("inspect", "dataplane", "web", "--type=stats")
      #expect(statistics.output == "statistics of default.web: 1\n")
      let clusters = try await kumactl("inspect", "dataplane", "web", "--type", "clusters")
      #expect(clusters.output == "clusters of default.web::2\n")
      let absent = try await kumactl("inspect", "dataplane", "api", "--type=stats")
      #expect(absent.errors == "Error: Could not get dataplane resource (Not found)\n")
      #expect(absent.status == 1)
    }
  }

  @Test("warn about a backend that is nowhere, and apply the policy nevertheless")
  func warning() async throws {
    try await withControlPlane { kumactl, _, _ in
      let text = Self.mesh + "---\n" + Self.policy("a", backend: "jager-collector")
      let applied = try await kumactl("apply", "-f", "-", input: text)
      #expect(applied.status == 0)
      #expect(applied.output == "")
      let warnings = applied.errors.split(separator: "\n")
      #expect(warnings.allSatisfy { $0.hasPrefix("Warning: ") })
      #expect(warnings.contains { $0.contains("jaeger-collector") })
      #expect(try await kumactl("get", "traffic-trace", "a").status == 0)
    }
  }

  @Test("write nothing when one of the resources is wrong")
  func allOrNothing() async throws {
    try await withControlPlane { kumactl, _, requests in
      let text = Self.mesh + "---\ntype: TrafficTrace\nmesh: default\nname: bad\n"
      let applied = try await kumactl("apply", "-f", "-", input: text)
      #expect(
        applied.errors == "Error: YAML contains invalid resource: selectors: must have at least one element\n")
      #expect(applied.status == 1)
      #expect(requests().isEmpty)
    }
  }

  @Test("say how far they came when the control plane refuses a resource")
  func partial() async throws {
    try await withControlPlane { kumactl, _, _ in
      let stray = Self.policy("a").split(separator: "\n").map { $0 == "mesh: default" ? "mesh: none" : $0 }
      let text = Self.mesh + "---\n" + stray.joined(separator: "\n")
      let applied = try await kumactl("apply", "-f", "-", input: text)
      #expect(applied.status == 1)
      #expect(applied.errors.hasPrefix("Error: Failed to retrieve Mesh (Not found)\n* TrafficTrace none/a: "))
      #expect(try await kumactl("get", "mesh", "default").status == 0)
    }
  }

  @Test("apply the files of a directory, and text from an address that answers 200 only")
  func sources() async throws {
    try await withControlPlane { kumactl, base, _ in
      try kumactl.write(Self.mesh, to: "dir/1.yaml")
      try kumactl.write(Self.policy("{{ name }}"), to: "dir/2.yml")
      try kumactl.write("not: [yaml", to: "dir/notes.txt")
      let applied = try await kumactl("apply", "-f", "dir", "--var", "name=web")
      #expect(applied.status == 0, "\(applied.errors)")
      #expect(try await kumactl("get", "traffic-trace", "web").status == 0)
      // The API's own answer is a resource that can be applied.
      #expect(try await kumactl("apply", "-f", "\(base)/meshes/default").status == 0)
      let missing = try await kumactl("apply", "-f", "\(base)/meshes/none")
      #expect(missing.status == 1)
      #expect(missing.errors.contains("\(base)/meshes/none") && missing.errors.contains("404"))
    }
  }

  @Test("say what is wrong with a source", arguments: ["empty", "missing.yaml", "http://127.0.0.1:1/x.yaml"])
  func badSource(name: String) async throws {
    try await KumactlProcess.withHome { kumactl in
      try kumactl.write("", to: "empty/notes.txt")
      let applied = try await kumactl("apply", "-f", name)
      #expect(applied.status == 1)
      #expect(applied.errors.hasPrefix("Error: error while reading provided file: "))
      #expect(applied.errors.contains(name))
    }
  }

  @Test("show a dry run without asking the control plane")
  func dryRun() async throws {
    try await withControlPlane { kumactl, _, requests in
      let shown = try await kumactl("apply", "--dry-run", "-f", "-", input: Self.policy("a"))
      #expect(shown.status == 0)
      #expect(try DocumentValue.yamlDocuments(shown.output).first?["name"] == "a")
      #expect(requests().isEmpty)
    }
  }

  @Test("print the versions of both sides, and whose program it is")
  func version() async throws {
    try await withControlPlane { kumactl, _, _ in
      let shown = try await kumactl("version")
      #expect(shown.output == "Client: Kuma \(ProductVersion.current)\nServer: Kuma 1.2.3\n")
      let piped = try await kumactl("version", "-a").output
      #expect(!piped.contains("kumactl of"), "a pipe gets what it gets from Kuma's")
      for line in ["version", "version -a"] {
        #expect(try await kumactl.onTerminal(line).contains("This is the kumactl of kuma-trace, "))
      }
      let detailed = try await kumactl.onTerminal("version -a")
      #expect(detailed.contains("Server:\r\n   hostname: h\r\n"), "\(detailed)")
      #expect(piped.contains("Git Commit:") && !detailed.contains("Git Commit:"))
    }
  }

  @Test("say at a terminal what they applied, and nothing in a pipe")
  func confirmation() async throws {
    try await withControlPlane { kumactl, _, _ in
      try kumactl.write(Self.mesh, to: "mesh.yaml")
      try kumactl.write(Self.policy("all"), to: "policy.yaml")
      #expect(try await kumactl.onTerminal("apply -f mesh.yaml") == "mesh \"default\" created\r\n")
      #expect(try await kumactl.onTerminal("apply -f mesh.yaml") == "mesh \"default\" unchanged\r\n")
      try kumactl.write(Self.mesh.replacing("//jaeger", with: "//zipkin"), to: "mesh.yaml")
      #expect(try await kumactl.onTerminal("apply -f mesh.yaml") == "mesh \"default\" updated\r\n")
      #expect(
        try await kumactl.onTerminal("apply -f policy.yaml")
          == "traffic-trace \"all\" in mesh \"default\" created\r\n")
      let piped = try await kumactl("apply", "-f", "mesh.yaml")
      #expect(piped == KumactlProcess.Outcome(status: 0, output: "", errors: ""))
    }
  }

  @Test("name themselves to the control plane, where a header of the configuration does not")
  func userAgent() async throws {
    let agents = Mutex<[String]>([])
    let responder: LoopbackServer.Responder = { request, _ in
      agents.withLock { $0.append(request.headerFields[.userAgent] ?? "") }
      return (HTTPResponse(status: .ok), Array(#"{"tagline":"Kuma","version":"1.2.3"}"#.utf8))
    }
    try await LoopbackServer.run(responder) { base in
      try await KumactlProcess.withHome { kumactl in
        _ = try await kumactl("config", "control-planes", "add", "--name", "a", "--address", base, "--skip-check")
        _ = try await kumactl("version")
        _ = try await kumactl(
          "config", "control-planes", "add", "--name", "b", "--address", base, "--headers", "user-agent=mine",
          "--skip-check")
        _ = try await kumactl("version")
      }
    }
    #expect(agents.withLock { $0 } == ["kumactl/\(ProductVersion.current) (kuma-trace)", "mine"])
  }

  @Test("leave the configuration alone when they are told to")
  func noConfig() async throws {
    try await KumactlProcess.withHome { kumactl in
      let listed = try await kumactl("config", "control-planes", "list", "--no-config")
      #expect(listed.output == "ACTIVE   NAME    ADDRESS\n*        local   http://localhost:5681\n")
      #expect(try await kumactl("config", "view").status == 0)
      let switched = try await kumactl("config", "control-planes", "switch", "--name", "local", "--no-config")
      #expect(switched.status == 1)
    }
  }

  @Test("tell of requests when asked, without colours where there is no terminal")
  func logging() async throws {
    try await withControlPlane { kumactl, base, _ in
      let shown = try await kumactl("get", "meshes", "--log-level", "info")
      #expect(shown.errors.hasPrefix("GET \(base)/meshes: status 200, "))
      let failed = try await kumactl("get", "mesh", "none")
      #expect(failed.errors == "Error: No resources found\n")
    }
  }

  @Test("generate a policy that applies")
  func generate() async throws {
    try await withControlPlane { kumactl, _, _ in
      #expect(try await kumactl("apply", "-f", "-", input: Self.mesh).status == 0)
      let policy = try await kumactl("generate", "traffic-trace", "--name", "eu", "--tag", "region=eu")
      #expect(try await kumactl("apply", "-f", "-", input: policy.output).status == 0)
      let refused = try await kumactl("generate", "traffic-trace", "--name", "EU", "--tag", "a b=c")
      #expect(refused.status == 1)
      #expect(refused.errors.hasPrefix("Error: name: invalid characters"))
    }
  }

  @Test("give a completion script for every shell", arguments: ["bash", "fish", "zsh"])
  func completion(shell: String) async throws {
    try await KumactlProcess.withHome { kumactl in
      let script = try await kumactl("completion", shell)
      #expect(script.status == 0)
      #expect(script.output.contains("traffic-traces"))
    }
  }
}
