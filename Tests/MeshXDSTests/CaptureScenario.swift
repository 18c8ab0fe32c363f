import Documents
import Foundation
import MeshModel
import MeshPolicy
import OrderedCollections
import TestSupport
import Testing

/// A proxy that takes its application's connections, described in `CaptureGoldens/NAME.in.yaml`: the resources of a mesh, and a first
/// document that names the proxy and says where services are reached.
struct CaptureScenario: Sendable, CustomTestStringConvertible {
  static let golden = Golden(directory: "CaptureGoldens")
  static let names = [
    "pod-dual-stack", "pod-ipv4", "pod-reachable-services", "pod-direct-access-no-passthrough", "pod-gateway",
    "machine-with-outbounds", "pod-administration",
  ]

  var name: String

  var testDescription: String { name }

  /// What the index makes of the resources.
  func configuration() throws -> ProxyConfiguration {
    let file = Self.golden.directory.appending(path: "\(name).in.yaml")
    let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    let parts = text.split(separator: "\n---\n", maxSplits: 1)
    let head = try #require(try DocumentValue.yamlDocuments(String(parts[0])).first)
    var change = MeshIndex.Change()
    for (service, address) in head["serviceAddresses"]?.object ?? [:] {
      if address.string == "headless" {
        change.serviceAddresses[service] = .headless
      } else {
        let addresses = address["addresses"]?.array?.compactMap(\.string) ?? []
        let port = try #require(address["port"]?.number.flatMap { UInt16(exactly: $0) })
        change.serviceAddresses[service] = .virtual(addresses, port: port)
      }
    }
    for document in try ResourceDocument.all(in: String(try #require(parts.last))) {
      #expect(document.resource.violations().isEmpty, "\(document.resource.name)")
      #expect(document.notices.isEmpty)
      change.note(document.resource.key, document.resource)
    }
    var index = MeshIndex(name: "default")
    _ = index.apply(change)
    var access: AdminAccess?
    if head["administration"]?.bool == true {
      access = AdminAccess(
        certificateChain: "certificate of the Envoys", privateKey: "its key", clientAuthority: "authority of clients")
    }
    return try #require(
      index.configuration(for: head["proxy"]?.string ?? "", adminPort: nil, adminAccess: access))
  }
}
