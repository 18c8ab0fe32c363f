import Foundation
import SwiftProtobuf

extension Message {
  /// The message's bytes. Maps are sorted by key, so that equal messages have equal bytes.
  func encoded() throws(TranslationError) -> Data {
    var options = BinaryEncodingOptions()
    options.useDeterministicOrdering = true
    do {
      return try serializedBytes(options: options)
    } catch {
      throw TranslationError(
        code: .encoding, message: "cannot encode \(Self.protoMessageName) for a proxy", cause: error)
    }
  }

  /// The message in an `Any`, which holds the encoded bytes.
  func packed() throws(TranslationError) -> Google_Protobuf_Any {
    var any = Google_Protobuf_Any()
    any.typeURL = Self.typeURL
    any.value = try encoded()
    return any
  }

  /// The message as a resource.
  func resource(named name: String) throws(TranslationError) -> EncodedResource {
    EncodedResource(name: name, typeURL: Self.typeURL, bytes: try encoded())
  }

  /// The name of the type inside an `Any`.
  static var typeURL: String { "type.googleapis.com/\(protoMessageName)" }
}

extension Google_Protobuf_Duration {
  /// A number of whole seconds.
  static func seconds(_ seconds: Int64) -> Self { Self(seconds: seconds, nanos: 0) }

  /// A number of milliseconds below a second.
  static func milliseconds(_ milliseconds: Int32) -> Self { Self(seconds: 0, nanos: milliseconds * 1_000_000) }
}

extension Google_Protobuf_Struct {
  /// A structure of strings.
  init(_ texts: some Sequence<(key: String, value: String)>) {
    self.init()
    for (key, text) in texts { fields[key] = Google_Protobuf_Value(stringValue: text) }
  }
}
