import EnvoyAPI
import Foundation
import SwiftProtobuf
import Testing

@testable import MeshXDS

/// The inputs that are kept for fuzzing (docs/fuzzing.md) must be harmless for the library without our reader.
@Suite("The corpus for fuzzing, and discovery requests")
struct FuzzDiscoveryCorpusTests {
  /// The uncompressed messages of gRPC that follow the first byte, which chooses the variant.
  private static func messages(_ bytes: [UInt8]) -> [[UInt8]] {
    var messages: [[UInt8]] = []
    var rest = bytes.dropFirst()
    while rest.count >= 5 {
      let head = Array(rest.prefix(5))
      let length = head[1...].reduce(0) { $0 << 8 | Int($1) }
      rest = rest.dropFirst(5)
      guard length <= rest.count else { return messages }
      if head[0] == 0 { messages.append(Array(rest.prefix(length))) }
      rest = rest.dropFirst(length)
    }
    return messages
  }

  @Test("SwiftProtobuf returns or throws for each message")
  func library() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let folder = root.appending(path: "Fuzz/Corpus/discovery")
    var (read, readHere) = (0, 0)
    for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
      for message in Self.messages(Array(try Data(contentsOf: file))) {
        if (try? Envoy_Service_Discovery_V3_DiscoveryRequest(serializedBytes: message)) != nil { read += 1 }
        if (try? Envoy_Service_Discovery_V3_DeltaDiscoveryRequest(serializedBytes: message)) != nil { read += 1 }
        for variant in [DiscoveryVariant.stateOfTheWorld, .incremental] {
          let request = try? message.withUnsafeBytes { try DiscoveryRequestReader().read($0, variant) }
          if request != nil { readHere += 1 }
        }
      }
    }
    #expect(read > 0)
    #expect(readHere > 0)
  }
}
