import MeshModel
import MeshStore
import Testing

/// Secrets on the command line, against the real API over a store in memory.
@Suite("Commands about secrets")
struct SecretCommandTests {
  private static let documents = """
    type: Mesh
    name: default
    tracing:
      backends:
      - name: hosted
        type: zipkin
        conf:
          url: https://me:top-secret@collector.example:443/spans
          headers: [{name: x-api-key, value: top-secret}]
    ---
    type: Secret
    mesh: default
    name: api-key
    data: dG9wLXNlY3JldA==
    ---
    apiVersion: v1
    kind: Secret
    metadata: {name: token, namespace: kuma-system}
    type: system.kuma.io/global-secret
    stringData: {value: top-secret}

    """

  @Test("apply, list, show, export and delete them, and never print their data") func life() async throws {
    let store = MemoryStore()
    try await CommandTests().withControlPlane(store: store) { kumactl, _, _ in
      try kumactl.write(Self.documents, to: "all.yaml")
      let dryRun = try await kumactl("apply", "-f", "all.yaml", "--dry-run")
      #expect(dryRun.status == 0 && dryRun.output.contains("name: api-key"))
      #expect(dryRun.errors.contains("the data of secrets is not shown"))
      let applied = try await kumactl("apply", "-f", "all.yaml", "--log-level", "debug")
      #expect(applied.status == 0, "\(applied.errors)")
      #expect(applied.errors.contains("PUT") && applied.errors.contains("api-key"))
      #expect(
        store.get(ResourceKey(type: .secret, mesh: "default", name: "api-key"))?.secretData == Array("top-secret".utf8))
      #expect(store.get(ResourceKey(type: .globalSecret, name: "token"))?.secretData == Array("top-secret".utf8))

      #expect(!dryRun.output.contains("dG9wLXNlY3JldA"), "\(dryRun.output)")
      var printed = [applied.errors, applied.output]
      for (arguments, expected) in [
        (["get", "secrets"], "MESH      NAME      AGE\ndefault   api-key"),
        (["get", "global-secrets"], "NAME    AGE\ntoken"),
        (["get", "secret", "api-key"], "api-key"), (["get", "secret", "api-key", "-o", "yaml"], "type: Secret"),
        (["get", "global-secret", "token", "-o", "json"], "\"GlobalSecret\""),
        (["get", "secrets", "-o", "yaml"], "total: 1"),
        (["get", "mesh", "default", "-o", "yaml"], "https://***@collector.example:443/spans"),
        (["export"], "***"), (["export", "--format", "kubernetes"], "***"),
      ] {
        let result = try await kumactl.run(arguments)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains(expected), "\(result.output)")
        printed += [result.output, result.errors]
      }
      for text in printed {
        #expect(!text.contains("top-secret") && !text.contains("dG9wLXNlY3JldA"), "\(text)")
      }
      let exported = try await kumactl("export")
      #expect(!exported.output.contains("Secret"))
      for words in [
        "conf.headers[0].value of Mesh default", "Secret default/api-key, GlobalSecret token are not exported",
        "Back up the store to keep them",
      ] {
        #expect(exported.errors.contains(words), "\(exported.errors)")
      }

      // What was exported can be applied again where it is stored, and nowhere else.
      try kumactl.write(exported.output, to: "export.yaml")
      let before = store.get(ResourceKey(type: .mesh, name: "default"))?.spec
      let again = try await kumactl("apply", "-f", "export.yaml")
      #expect(again.status == 0, "\(again.errors)")
      #expect(store.get(ResourceKey(type: .mesh, name: "default"))?.spec == before)
      for (type, name) in [("secret", "api-key"), ("global-secret", "token")] {
        let deleted = try await kumactl("delete", type, name)
        #expect(deleted.status == 0 && deleted.output.contains("deleted"), "\(deleted.errors)")
      }
      #expect(store.list(.secret, mesh: nil).isEmpty && store.list(.globalSecret, mesh: nil).isEmpty)
      let gone = try await kumactl("delete", "mesh", "default")
      #expect(gone.status == 0, "\(gone.errors)")
      let elsewhere = try await kumactl("apply", "-f", "export.yaml")
      #expect(elsewhere.status == 1)
      #expect(elsewhere.errors.contains("none is stored here: give the value"), "\(elsewhere.errors)")
    }
  }

  @Test(
    "refuse documents of secrets without a word of their data",
    arguments: [
      ("{type: Secret, mesh: default, name: a}", "data: cannot be empty"),
      ("{type: Secret, mesh: default, name: a, data: top secret}", "base64"),
      ("{apiVersion: v1, kind: Secret, metadata: {name: a}, type: Opaque, stringData: {value: top secret}}", "Opaque"),
      ("{apiVersion: kuma.io/v1alpha1, kind: Secret, metadata: {name: a}, data: {value: top secret}}", "\"v1\""),
      (
        "{apiVersion: v1, kind: Secret, metadata: {name: a}, type: system.kuma.io/secret, data: {value: top secret}}",
        "base64"
      ),
    ])
  func refused(document: String, words: String) async throws {
    try await KumactlProcess.withHome { kumactl in
      try kumactl.write(document, to: "a.yaml")
      let result = try await kumactl("apply", "-f", "a.yaml")
      #expect(result.status == 1)
      #expect(result.errors.contains(words), "\(result.errors)")
      #expect(!result.errors.contains("top secret"), "\(result.errors)")
    }
  }
}
