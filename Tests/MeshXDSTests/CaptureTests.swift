import EnvoyAPI
import Foundation
import MeshModel
import MeshPolicy
import OrderedCollections
import TestSupport
import Testing

@testable import MeshXDS

@Suite("What a proxy gets that takes its application's connections")
struct CaptureTests {
  @Test("is in golden files", arguments: CaptureScenario.names.map(CaptureScenario.init))
  func golden(_ scenario: CaptureScenario) throws {
    let document = try EnvoyTranslator().resources(for: scenario.configuration()).document()
    var readable: DocumentValue.Object = [:]
    for (kind, resources) in document.object ?? [:] {
      readable[kind] = .array(resources.array?.compactMap { $0["resource"]?.sortedByKey() } ?? [])
    }
    try CaptureScenario.golden.check(DocumentValue.object(readable).yaml(), "\(scenario.name).out.yaml")
  }

  @Test(
    "is accepted by the real Envoy", .enabled(if: RealEnvoy.path != nil),
    // Certificates are only placeholders there.
    arguments: CaptureScenario.names.filter { $0 != "pod-administration" }.map(CaptureScenario.init))
  func accepted(_ scenario: CaptureScenario) async throws {
    let document = try EnvoyTranslator().resources(for: scenario.configuration()).document()
    let bootstrap = TranslationEnvoyTests.bootstrap(document).json()
    #expect(try await RealEnvoy.complaint(about: bootstrap, fileExtension: "json") == nil)
  }

  /// A mesh of pods that may call everything: `count` proxies of one service, and some services with one instance each.
  private static func pods(_ count: Int, services: Int) -> MeshIndex {
    var change = MeshIndex.Change()
    change.mesh = Mesh()
    func pod(_ service: String, _ address: String) -> Dataplane {
      Dataplane(
        networking: Dataplane.Networking(
          address: address,
          inbound: [
            Dataplane.Inbound(
              port: 8080, tags: [TagName.service: service, TagName.protocol: "http"])
          ],
          transparentProxying: Dataplane.TransparentProxying(redirectPortInbound: 15_006, redirectPortOutbound: 15_001))
      )
    }
    for number in 0..<count {
      change.dataplanes["web-\(number)"] = pod("web", "10.1.\(number / 250).\(number % 250 + 1)")
    }
    for number in 0..<services {
      change.dataplanes["api-\(number)"] = pod("api-\(number)", "10.2.\(number / 250).\(number % 250 + 1)")
      change.serviceAddresses["api-\(number)"] = .virtual(["10.96.\(number / 250).\(number % 250 + 1)"], port: 80)
    }
    var index = MeshIndex(name: "default")
    _ = index.apply(change)
    return index
  }

  @Test("is encoded once for all proxies that call the same services")
  func shared() throws {
    let index = Self.pods(40, services: 30)
    let translator = EnvoyTranslator()
    var snapshots: [ProxySnapshot] = []
    var encodings: [Int] = []
    for number in 0..<40 {
      let configuration = try #require(index.configuration(for: "web-\(number)"))
      snapshots.append(ProxySnapshot(try translator.resources(for: configuration)))
      encodings.append(translator.sharedEncodings)
    }
    #expect(snapshots.allSatisfy { $0.endpoints.count == 30 && $0.endpoints == snapshots[0].endpoints })
    #expect(snapshots.allSatisfy { $0.listeners.count == 30 + 1 + 4 })
    // A further replica has only the cluster of its application to itself.
    #expect(zip(encodings, encodings.dropFirst()).allSatisfy { $1 - $0 == 1 }, "\(encodings)")
  }

  @Test("is encoded again only where a pod's coming and going changes it")
  func oneChange() throws {
    var index = Self.pods(5, services: 30)
    let translator = EnvoyTranslator()
    func snapshot(after earlier: ProxySnapshot? = nil) throws -> ProxySnapshot {
      let configuration = try #require(index.configuration(for: "web-0"))
      return ProxySnapshot(try translator.resources(for: configuration), after: earlier)
    }
    let before = try snapshot()
    let encodings = translator.sharedEncodings
    var change = MeshIndex.Change()
    var gone = try #require(index.dataplane("api-7"))
    gone.networking?.inbound[0].state = "NotReady"
    change.dataplanes["api-7"] = gone
    let affected = index.apply(change).affected
    #expect(affected.count == 35)
    let after = try snapshot(after: before)
    // The endpoints of one service, and the set of all of them.
    #expect(translator.sharedEncodings == encodings + 2)
    #expect(after.endpoints.names(differingFrom: before.endpoints) == ["api-7"])
    #expect(after.listeners == before.listeners && after.clusters == before.clusters)
  }
}
