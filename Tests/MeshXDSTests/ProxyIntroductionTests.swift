import EnvoyAPI
import MeshModel
import SwiftProtobuf
import Testing

@testable import MeshXDS

/// What a proxy tells of itself when its stream opens.
@Suite("A proxy's introduction")
struct ProxyIntroductionTests {
  private static func drainTime(_ text: String?) throws -> Duration? {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "default.web-1"
    if let text {
      var further = Google_Protobuf_Struct()
      further.fields[ProxyMetadata.drainTime] = Google_Protobuf_Value(stringValue: text)
      node.metadata.fields["dynamicMetadata"] = Google_Protobuf_Value(structValue: further)
    }
    return try ProxyIntroduction(node, remotePeer: "ipv4:127.0.0.1:40000").drainTime
  }

  @Test(
    "says how long its listeners drain, within a day",
    arguments: [
      ("30s", .seconds(30)), ("0s", .zero), ("2m", .seconds(120)), ("100h", .seconds(86_400)), ("soon", nil), ("", nil),
      (nil, nil),
    ] as [(String?, Duration?)])
  func drains(text: String?, time: Duration?) throws { #expect(try Self.drainTime(text) == time) }

  @Test("says whether its Envoy takes the size of reports from the control plane")
  func reports() throws {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "default.web-1"
    #expect(try !ProxyIntroduction(node, remotePeer: "").hasReportRuntime)
    // Operators may write there what they like, so it says nothing.
    var further = Google_Protobuf_Struct()
    further.fields[ProxyMetadata.reportRuntime] = Google_Protobuf_Value(stringValue: "1")
    node.metadata.fields["dynamicMetadata"] = Google_Protobuf_Value(structValue: further)
    #expect(try !ProxyIntroduction(node, remotePeer: "").hasReportRuntime)
    node.metadata.fields[ProxyMetadata.reportRuntime] = Google_Protobuf_Value(stringValue: "1")
    #expect(try ProxyIntroduction(node, remotePeer: "").hasReportRuntime)
  }

  @Test("A node's versions are short and printable")
  func versions() throws {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "default.web"
    let version = Google_Protobuf_Value(stringValue: "1\u{1b}c" + String(repeating: "9", count: 1_000))
    node.metadata.fields["version"] = Google_Protobuf_Value(
      structValue: Google_Protobuf_Struct(fields: [
        "kumaDp": Google_Protobuf_Value(structValue: Google_Protobuf_Struct(fields: ["version": version]))
      ]))
    let introduction = try ProxyIntroduction(node, remotePeer: "")
    #expect(introduction.version.kumaDp.hasPrefix(#"1\u{1b}c999"#) && introduction.version.kumaDp.utf8.count < 140)
  }

  @Test("brings its Dataplane as a string, or none")
  func dataplane() throws {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "default.web"
    #expect(try ProxyIntroduction(node, remotePeer: "").dataplane == nil)
    node.metadata.fields["dataplane.resource"] = Google_Protobuf_Value(stringValue: "type: Dataplane")
    #expect(try ProxyIntroduction(node, remotePeer: "").dataplane == "type: Dataplane")
    for value in [
      Google_Protobuf_Value(), Google_Protobuf_Value(numberValue: 1),
      Google_Protobuf_Value(structValue: Google_Protobuf_Struct(fields: ["type": .init(stringValue: "Dataplane")])),
    ] {
      node.metadata.fields["dataplane.resource"] = value
      let refusal = #expect(throws: SessionRefusal.self) { try ProxyIntroduction(node, remotePeer: "") }
      #expect(refusal?.code == .invalidArgument && refusal?.message.contains("dataplane.resource") == true)
    }
  }
}
