import HTTPTypes
import LoopbackTestSupport
import MeshModel
import OrderedCollections
import Testing

/// What the program says about tracing backends whose `apiVersion` is `auto`, which Kuma refuses.
@Suite("Automatic backends")
struct AutomaticBackendTests {
  private static func mesh(_ name: String, _ backends: [(name: String, apiVersion: String?)]) -> String {
    let tracing = Mesh.Tracing(
      backends: backends.map { backend in
        TracingBackend(
          name: backend.name,
          zipkin: ZipkinConf(url: "http://localhost:9411/api/v2/spans", apiVersion: backend.apiVersion ?? ""))
      })
    return Resource(name: name, spec: .mesh(Mesh(tracing: tracing))).document().yaml()
  }

  private static let own = mesh("default", [("a", "auto"), ("b", nil), ("c", "httpJson")])
  private static let refused = "Note: Kuma refuses apiVersion \"auto\" of tracing backend \"a\" of mesh \"default\". "
  private static let applyNote = refused + "Write \"httpJson\" in a document that Kuma is to accept too.\n"

  @Test("apply says that Kuma refuses them, whatever becomes of the documents", arguments: [nil, "client", "server"])
  func apply(dryRun: String?) async throws {
    try await CommandTests().withControlPlane { kumactl, _, _ in
      let arguments = ["apply", "-f", "-"] + (dryRun.map { ["--dry-run=\($0)"] } ?? [])
      let applied = try await kumactl.run(arguments, input: Self.own)
      #expect(applied.status == 0)
      #expect(applied.errors == Self.applyNote)
      #expect(!applied.output.contains("Note:"))
      let plain = try await kumactl.run(arguments, input: Self.mesh("default", [("a", "httpJson"), ("b", nil)]))
      #expect(plain.status == 0 && plain.errors == "")
    }
  }

  @Test("apply names a few of many, in the order of the documents")
  func many() async throws {
    try await KumactlProcess.withHome { kumactl in
      let meshes = (1...4).map { Self.mesh("m\($0)", [("a", "auto"), ("b", "auto")]) }.joined(separator: "---\n")
      let shown = try await kumactl("apply", "-f", "-", "--dry-run", input: meshes)
      #expect(
        shown.errors == """
          Note: Kuma refuses apiVersion "auto" of tracing backends "a" of mesh "m1", "b" of mesh "m1", "a" of mesh "m2", \
          "b" of mesh "m2", "a" of mesh "m3" and 3 more. Write "httpJson" in a document that Kuma is to accept too.

          """)
    }
  }

  @Test("apply says so before the answer of a control plane of Kuma's")
  func kuma() async throws {
    let violation = "has invalid value. Allowed values: httpJsonV1, httpJson, httpProto"
    let responder = KumaResponder.refusing(
      with: #"{"title":"Could not process a resource","details":"Resource is not valid","causes":[{"field":"#
        + #""tracing.backends[0].config.apiVersion","message":"\#(violation)"}]}"#)
    try await LoopbackServer.run(responder) { base in
      try await KumactlProcess.withHome { kumactl in
        _ = try await kumactl("config", "control-planes", "add", "--name", "x", "--address", base)
        let refused = try await kumactl("apply", "-f", "-", input: Self.own)
        #expect(refused.status == 1)
        #expect(refused.errors.hasPrefix(Self.applyNote + "Error: "), "\(refused.errors)")
        #expect(refused.errors.contains(violation), "\(refused.errors)")
      }
    }
  }

  @Test("a refusal of another value is Kuma's, to the byte, and does not offer auto")
  func refusal() async throws {
    try await CommandTests().withControlPlane { kumactl, _, requests in
      let applied = try await kumactl("apply", "-f", "-", input: Self.mesh("default", [("a", "automatic")]))
      #expect(applied.status == 1)
      #expect(
        applied.errors
          == "Error: YAML contains invalid resource: tracing.backends[0].config.apiVersion: has invalid value. Allowed "
          + "values: httpJsonV1, httpJson, httpProto\n")
      #expect(requests().isEmpty)
    }
  }

  @Test("export says what to do for Kuma, and does it when told", arguments: ["universal", "kubernetes"])
  func export(form: String) async throws {
    try await CommandTests().withControlPlane { kumactl, _, _ in
      #expect(try await kumactl("apply", "-f", "-", input: Self.own).status == 0)
      let exported = try await kumactl("export", "--format", form)
      #expect(exported.status == 0)
      #expect(
        exported.errors == Self.refused + "For Kuma, export with --for-kuma, which writes \"httpJson\" instead.\n")
      #expect(try Self.versions(exported.output) == ["auto", nil, "httpJson"])
      let forKuma = try await kumactl("export", "--for-kuma", "--format", form)
      #expect(forKuma.status == 0 && forKuma.errors == "")
      #expect(try Self.versions(forKuma.output) == ["httpJson", nil, "httpJson"])
      #expect(forKuma.output == exported.output.replacing("apiVersion: auto", with: "apiVersion: httpJson"))
    }
  }

  private static func versions(_ yaml: String) throws -> [String?] {
    let mesh = try ResourceDocument.all(in: yaml).lazy.compactMap { $0.resource.content(Mesh.self) }.first
    return try #require(mesh?.tracing).backends.map { $0.conf?["apiVersion"]?.string }
  }
}
