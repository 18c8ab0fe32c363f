import EnvoyAPI
import Foundation
import MeshXDS
import SwiftProtobuf
import Testing

@Suite("Discovery values")
struct DiscoveryEncodingTests {
  private func response(_ variant: DiscoveryVariant, _ resources: [EncodedResource]) throws -> DiscoveryStreamResponse {
    var machine = DiscoveryStreamStateMachine(variant: variant)
    let snapshot = ProxySnapshot(clusters: ResourceSet(resources))
    let interest: DiscoveryStreamRequest.Interest =
      variant == .incremental
      ? .change(subscribe: ["*", "gone"], unsubscribe: [], initialVersions: [:]) : .all(names: [], version: "")
    var node = Envoy_Config_Core_V3_Node()
    node.id = "n"
    _ = machine.handle(.snapshotChanged(snapshot))
    let request = DiscoveryStreamRequest(node: node, typeURL: ResourceTypeURL.cluster, interest: interest)
    for case .send(let response) in machine.handle(.request(request)) { return response }
    throw CancellationError()
  }

  private let resources: [EncodedResource] = [
    .text(.cds, "empty", ""), .text(.cds, "small", "x"),
    .text(.cds, "ünïcode", String(repeating: "0123456789", count: 30)),
    .text(.cds, String(repeating: "n", count: 200), String(repeating: "y", count: 70_000)),
  ]

  @Test("A response of the state of the world is what the protobuf library decodes")
  func stateOfTheWorld() throws {
    let response = try response(.stateOfTheWorld, resources)
    let message = try Envoy_Service_Discovery_V3_DiscoveryResponse(serializedBytes: response.serialized())
    #expect(message.versionInfo == ResourceSet(resources).version)
    #expect(message.nonce == "1")
    #expect(message.typeURL == ResourceTypeURL.cluster)
    #expect(message.resources.map(\.value) == ResourceSet(resources).resources.map(\.bytes))
    #expect(message.resources.allSatisfy { $0.typeURL == ResourceTypeURL.cluster })
    #expect(message.unknownFields.data.isEmpty)
  }

  @Test("An incremental response is what the protobuf library decodes")
  func incremental() throws {
    let response = try response(.incremental, resources)
    let message = try Envoy_Service_Discovery_V3_DeltaDiscoveryResponse(serializedBytes: response.serialized())
    let sorted = ResourceSet(resources)
    #expect(message.systemVersionInfo == sorted.version)
    #expect(message.resources.map(\.name) == sorted.resources.map(\.name))
    #expect(message.resources.map(\.version) == sorted.resources.map(\.version))
    #expect(message.resources.map(\.resource.value) == sorted.resources.map(\.bytes))
    #expect(message.removedResources == ["gone"])
    #expect(message.typeURL == ResourceTypeURL.cluster && message.nonce == "1")
    #expect(message.unknownFields.data.isEmpty)
  }

  @Test("A version depends on names and contents, not on the order")
  func versions() {
    let set = ResourceSet.words(.cds, "a b=2 c")
    #expect(set.version == ResourceSet.words(.cds, "c a b=2").version)
    #expect(set == ResourceSet.words(.cds, "b=2 c a"))
    for other in ["a b c", "a b=2", "a b=2 d", "", "a b=2 c c2"] {
      #expect(set != ResourceSet.words(.cds, other))
    }
    #expect(!ResourceSet.empty.version.isEmpty)
    #expect(set.version.count == 32)
  }

  @Test("Names are found, missing ones are not")
  func lookup() {
    let names = (0..<50).map { "name\($0)" }
    let set = ResourceSet(names.map { .text(.cds, $0, $0) })
    for name in names { #expect(set[name]?.text == name) }
    for name in ["", "name", "name50", "zzz"] { #expect(set[name] == nil) }
    #expect(ResourceSet.empty["a"] == nil)
    #expect(ResourceSet([.text(.cds, "a", "1"), .text(.cds, "a", "2")])["a"]?.text == "2")
  }
}
