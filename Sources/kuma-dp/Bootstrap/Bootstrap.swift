import FoundationEssentials
import MeshModel

/// The configuration that Envoy starts with, as the control plane gave it.
struct Bootstrap: Sendable, Equatable {
  /// The configuration in YAML or JSON.
  let text: String
  /// The port of the administration interface on the loopback address; `nil` when there is none.
  let adminPort: UInt16?

  /// Reads the body of an answer: JSON with the configuration in Base64, as Kuma has it since 1.8, or the configuration
  /// itself, as before.
  ///
  /// `nil` when it is neither.
  init?(answer body: [UInt8]) {
    var bytes = body
    if let encoded = (try? DocumentValue(json: body))?["bootstrap"]?.string {
      guard let decoded = Data(base64Encoded: encoded) else { return nil }
      bytes = Array(decoded)
    }
    guard let text = String(validating: bytes, as: UTF8.self),
      let document = try? DocumentValue.yamlDocuments(text).first, document["node"]?.object != nil
    else { return nil }
    self.text = text
    let address = document["admin"]?["address"]
    let socket = address?["socketAddress"] ?? address?["socket_address"]
    let port = (socket?["portValue"] ?? socket?["port_value"])?.number.flatMap { UInt16(exactly: $0) }
    adminPort = socket?["address"]?.string == "127.0.0.1" ? port : nil
  }
}
