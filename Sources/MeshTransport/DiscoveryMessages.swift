import GRPCCore
import MeshXDS

/// Decodes requests of either variant.
struct DiscoveryRequestDeserializer: MessageDeserializer {
  let variant: DiscoveryVariant

  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> DiscoveryStreamRequest {
    do {
      return try bytes.withUnsafeBytes { content in
        var request = try DiscoveryRequestReader().read(content, variant)
        request.byteCount = content.count
        return request
      }
    } catch let failure as DiscoveryRequestReader.Failure {
      throw RPCError(code: .invalidArgument, message: failure.message)
    }
  }
}

/// Passes on encoded messages.
struct EncodedMessageSerializer: MessageSerializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }
}
