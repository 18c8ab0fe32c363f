import EnvoyAPI
import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

@testable import MeshXDS

/// The real Envoy, where there is one.
enum RealEnvoy {
  static let path = TestPrograms.envoy

  /// Has Envoy read a configuration without starting, and returns its complaint; `nil` when it accepts.
  static func complaint(about text: String, fileExtension: String) async throws -> String? {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).\(fileExtension)")
    try text.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let run = try await ProgramOutput.of(
      ChildProcess.Command(
        path ?? "envoy", ["--mode", "validate", "-l", "warning", "-c", file.path(percentEncoded: false)]))
    return run.status.isSuccess ? nil : (run.output + run.errors).joined(separator: "\n")
  }
}

@Suite("What the real Envoy accepts", .enabled(if: RealEnvoy.path != nil), .serialized)
struct TranslationEnvoyTests {
  @Test("accepts every translated configuration", arguments: TranslationScenario.all)
  func scenario(_ scenario: TranslationScenario) async throws {
    let document = try EnvoyTranslator().resources(for: scenario.configuration).document()
    #expect(try await RealEnvoy.complaint(about: Self.bootstrap(document).json(), fileExtension: "json") == nil)
  }

  @Test("refuses a tracer whose cluster is missing, so that the acceptance above means something")
  func refusal() async throws {
    let scenario = try #require(TranslationScenario.all.first { $0.name == "zipkin-defaults" })
    var resources = try EnvoyTranslator().resources(for: scenario.configuration)
    resources.clusters.removeAll { $0.name.hasPrefix("tracing:") }
    let complaint = try await RealEnvoy.complaint(
      about: Self.bootstrap(try resources.document()).json(), fileExtension: "json")
    #expect(complaint?.contains("tracing:jaeger") == true)
  }

  /// The resources as a static configuration. Endpoints become clusters of their own, so that they are read too.
  static func bootstrap(_ document: DocumentValue) -> DocumentValue {
    func resources(_ key: String) -> [DocumentValue] { document[key]?.array?.compactMap { $0["resource"] } ?? [] }
    let endpoints: [DocumentValue] = resources("endpoints").map { assignment in
      let name = DocumentValue.string("endpoints:\(assignment["clusterName"]?.string ?? "")")
      return ["name": name, "type": "STATIC", "connectTimeout": "1s", "loadAssignment": assignment]
    }
    let discovery = BootstrapRenderer(
      request: BootstrapRequest(mesh: "shop", name: "web"), service: "web", host: "127.0.0.1", port: 5678, isTLS: false
    ).render()
    let ads: [DocumentValue] = discovery["staticResources"]?["clusters"]?.array ?? []
    return [
      "node": ["id": "shop.web", "cluster": "web"],
      "dynamicResources": ["adsConfig": discovery["dynamicResources"]?["adsConfig"] ?? [:]],
      "staticResources": [
        "listeners": .array(resources("listeners")), "clusters": .array(resources("clusters") + endpoints + ads),
      ],
    ]
  }
}
