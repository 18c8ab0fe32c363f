import MeshModel

/// A token by which spans of a mesh are accepted.
package enum IngestToken {
  /// Makes a new one: 256 random bits in base64url.
  package static func generate() -> String {
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    return Base64.encode(bytes).replacing("+", with: "-").replacing("/", with: "_").replacing(
      "=", with: "")
  }
}
