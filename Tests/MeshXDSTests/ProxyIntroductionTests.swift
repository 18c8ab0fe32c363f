import EnvoyAPI
import MeshModel
import SwiftProtobuf
import Testing

@testable import kuma_cp

/// What a proxy tells of itself when its stream opens.
@Suite("A proxy's introduction")
struct IntroductionTests {
  private static func drainTime(_ text: String?) -> Duration? {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "default.web-1"
    if let text {
      var further = Google_Protobuf_Struct()
      further.fields[ProxyMetadata.drainTime] = Google_Protobuf_Value(stringValue: text)
      node.metadata.fields["dynamicMetadata"] = Google_Protobuf_Value(structValue: further)
    }
    return ProxySessions.Introduction(node, peer: "ipv4:127.0.0.1:40000").drainTime
  }

  @Test(
    "says how long its listeners drain, within a day",
    arguments: [
      ("30s", .seconds(30)), ("0s", .zero), ("2m", .seconds(120)), ("100h", .seconds(86_400)), ("soon", nil), ("", nil),
      (nil, nil),
    ] as [(String?, Duration?)])
  func drains(text: String?, time: Duration?) { #expect(Self.drainTime(text) == time) }
}
