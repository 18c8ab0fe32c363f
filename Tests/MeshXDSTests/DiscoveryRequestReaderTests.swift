import EnvoyAPI
import Foundation
import SwiftProtobuf
import Testing

@testable import MeshXDS

@Suite("Discovery requests on the wire")
struct DiscoveryRequestReaderTests {
  private func read(
    _ message: some SwiftProtobuf.Message, _ variant: DiscoveryVariant, limits: DiscoveryRequestReader.Limits = .init()
  ) throws -> DiscoveryStreamRequest {
    let bytes: [UInt8] = try message.serializedBytes()
    return try bytes.withUnsafeBytes { try DiscoveryRequestReader(limits: limits).read($0, variant) }
  }

  private static var node: Envoy_Config_Core_V3_Node {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "default.web-1"
    node.cluster = "web"
    node.userAgentName = "envoy"
    node.userAgentBuildVersion.version.majorNumber = 1
    node.userAgentBuildVersion.version.minorNumber = 40
    node.metadata.fields["dataplane.resource"] = Google_Protobuf_Value(stringValue: "type: Dataplane ü")
    node.metadata.fields["dataplane.admin.port"] = Google_Protobuf_Value(stringValue: "9901")
    node.metadata.fields["features"] = Google_Protobuf_Value(stringValue: "not used")
    return node
  }

  @Test("give what generated code gives, in both variants")
  func same() throws {
    var whole = Envoy_Service_Discovery_V3_DiscoveryRequest()
    whole.node = Self.node
    whole.typeURL = ResourceTypeURL.endpoints
    whole.versionInfo = "v1"
    whole.responseNonce = "7"
    whole.resourceNames = ["a", "b", "ü"]
    whole.errorDetail.code = 3
    whole.errorDetail.message = "no"
    let request = try read(whole, .stateOfTheWorld)
    let expected = DiscoveryStreamRequest(whole)
    #expect(request.typeURL == expected.typeURL && request.nonce == "7" && request.rejection == "no" && !request.isCut)
    guard case .all(let names, let version) = request.interest else {
      Issue.record("another variant")
      return
    }
    #expect(names == ["a", "b", "ü"] && version == "v1")
    let node = try #require(request.node)
    #expect(node.id == "default.web-1" && node.userAgentBuildVersion.version.minorNumber == 40)
    #expect(node.metadata.fields["dataplane.resource"]?.stringValue == "type: Dataplane ü")
    #expect(node.metadata.fields["dataplane.admin.port"]?.stringValue == "9901")
    #expect(node.metadata.fields["features"] == nil, "nobody asks for it")

    var delta = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest()
    delta.node = Self.node
    delta.typeURL = ResourceTypeURL.cluster
    delta.responseNonce = "8"
    delta.resourceNamesSubscribe = ["*", "x"]
    delta.resourceNamesUnsubscribe = ["y"]
    delta.initialResourceVersions = ["c": "1", "d": ""]
    let change = try read(delta, .incremental)
    guard case .change(let subscribe, let unsubscribe, let versions) = change.interest else {
      Issue.record("another variant")
      return
    }
    #expect(subscribe == ["*", "x"] && unsubscribe == ["y"] && versions == ["c": "1", "d": ""])
    #expect(change.typeURL == ResourceTypeURL.cluster && change.nonce == "8" && change.rejection == nil)
    #expect(change.node?.id == "default.web-1")
  }

  @Test("are taken however many names they have, of which no more than a bound is kept")
  func bounded() throws {
    var delta = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest()
    delta.typeURL = ResourceTypeURL.cluster
    delta.resourceNamesSubscribe = (0..<100).map { "name-\($0)" }
    var limits = DiscoveryRequestReader.Limits()
    limits.names = 10
    var request = try read(delta, .incremental, limits: limits)
    guard case .change(let subscribe, _, _) = request.interest else { return }
    #expect(subscribe == (0..<10).map { "name-\($0)" } && request.isCut)
    limits = .init()
    limits.nameBytes = 20
    request = try read(delta, .incremental, limits: limits)
    guard case .change(let few, _, _) = request.interest else { return }
    #expect(few.joined().utf8.count <= 20 && !few.isEmpty && request.isCut)
  }

  @Test("are refused in words when a part of a node is too large, and when they are no message")
  func refused() throws {
    var delta = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest()
    delta.node = Self.node
    var limits = DiscoveryRequestReader.Limits()
    limits.dataplaneBytes = 8
    let failure = #expect(throws: DiscoveryRequestReader.Failure.self) {
      try read(delta, .incremental, limits: limits)
    }
    #expect(failure?.message == "node.metadata.dataplane.resource is larger than 16 bytes")
    for bytes: [UInt8] in [
      [0x0a], [0x0a, 0x05, 1], [0xff], [0x1a, 0x01, 0xff], [0x03], [0x00], [UInt8](repeating: 0xff, count: 20),
    ] {
      #expect(throws: DiscoveryRequestReader.Failure.self) {
        try bytes.withUnsafeBytes { try DiscoveryRequestReader().read($0, .incremental) }
      }
    }
  }

  private func subscribe(_ names: [String], isCut: Bool = false) -> DiscoveryStreamRequest {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "default.web"
    var request = DiscoveryStreamRequest(
      node: node, typeURL: ResourceTypeURL.endpoints,
      interest: .change(subscribe: names, unsubscribe: [], initialVersions: [:]))
    request.isCut = isCut
    return request
  }

  private func acknowledgement(_ nonce: String, _ names: [String] = []) -> DiscoveryStreamRequest {
    DiscoveryStreamRequest(
      typeURL: ResourceTypeURL.endpoints, nonce: nonce,
      interest: .change(subscribe: names, unsubscribe: [], initialVersions: [:]))
  }

  @Test("A stream keeps a bounded number of names, and is sent everything when it asks for more")
  func overflow() {
    let limit = DiscoveryRequestReader.Limits().names
    var machine = DiscoveryStreamStateMachine(variant: .incremental)
    for part in 0..<4 { _ = machine.handle(.request(subscribe((0..<limit / 2).map { "\(part)-\($0)" }))) }
    #expect(machine.overflowingTypes == [ResourceTypeURL.endpoints])
    // Nothing is missing: also what was left out is sent when it comes to be.
    let actions = machine.handle(.snapshotChanged(.words(eds: "0-1 3-7")))
    guard case .send(let response)? = actions.last else {
      Issue.record("nothing was sent")
      return
    }
    #expect(Set(response.resources.map(\.name)) == ["0-1", "3-7"])
    // Of the others it is told, a part with each answer.
    var (told, nonce) = (response.removed, response.nonce)
    while told.count < limit - 1 {
      _ = machine.handle(.sent)
      let actions = machine.handle(.request(acknowledgement(nonce)))
      guard case .send(let next)? = actions.last, next.resources.isEmpty, !next.removed.isEmpty else {
        Issue.record("\(limit - 1 - told.count) names are not told")
        return
      }
      #expect(next.removed.reduce(0) { $0 + $1.utf8.count } < TypeSubscription.removedBytes + 10)
      told += next.removed
      nonce = next.nonce
    }
    #expect(told.count == limit - 1 && Set(told).count == limit - 1)
    #expect(response.removed.reduce(0) { $0 + $1.utf8.count } < TypeSubscription.removedBytes + 10)
    _ = machine.handle(.sent)
    guard case .send(let answer)? = machine.handle(.request(acknowledgement(nonce, ["one-more"]))).last else {
      Issue.record("a request for more is not answered")
      return
    }
    #expect(answer.resources.isEmpty && answer.removed.isEmpty)
  }

  @Test("Names of resources that are there cost nothing extra, others are counted and can be given up")
  func cost() {
    var machine = DiscoveryStreamStateMachine(variant: .incremental)
    let names = (0..<2_000).map { "service-\($0)" }
    _ = machine.handle(.request(subscribe(names)))
    let cost = machine.costOfUnknownNames
    #expect(cost > DiscoveryStreamStateMachine.freeNameCost)
    _ = machine.handle(.snapshotChanged(.words(eds: names.dropLast(100).joined(separator: " "))))
    #expect(machine.costOfUnknownNames < cost / 10 && machine.costOfUnknownNames > 0)
    let request = DiscoveryStreamRequest(
      typeURL: ResourceTypeURL.endpoints, interest: .change(subscribe: [], unsubscribe: names, initialVersions: [:]))
    _ = machine.handle(.request(request))
    #expect(machine.costOfUnknownNames == 0)
  }
}
