import EnvoyAPI
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import HTTPService
import MeshTestSupport
import MeshXDS
import SwiftProtobuf
import Testing

@testable import MeshTransport

/// Messages that are encoded already, and what is of interest of the answers.
private struct RawSerializer: MessageSerializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }
}

private struct DeltaDeserializer: MessageDeserializer {
  func deserialize<Bytes: GRPCContiguousBytes>(
    _ bytes: Bytes
  ) throws -> Envoy_Service_Discovery_V3_DeltaDiscoveryResponse {
    try Envoy_Service_Discovery_V3_DeltaDiscoveryResponse(serializedBytes: bytes.withUnsafeBytes { Data($0) })
  }
}

/// Large requests, over real gRPC.
extension DataplaneServerTests {
  /// Sends one incremental request and gives the first answer.
  private func delta(
    _ port: Int, _ request: [UInt8], compression: CompressionAlgorithm? = nil
  ) async throws -> Envoy_Service_Discovery_V3_DeltaDiscoveryResponse? {
    let transport = try HTTP2ClientTransport.Posix(
      target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext,
      config: .defaults { $0.compression = .init(algorithm: .none, enabledAlgorithms: .all) })
    var options = CallOptions.defaults
    options.compression = compression
    (options.maxRequestMessageBytes, options.maxResponseMessageBytes) = (32 << 20, 32 << 20)
    return try await withGRPCClient(transport: transport) { client in
      let (ends, end) = AsyncStream<Void>.makeStream()
      return try await client.bidirectionalStreaming(
        request: StreamingClientRequest<[UInt8]> { writer in
          try await writer.write(request)
          for await _ in ends {}
        },
        descriptor: MethodDescriptor(
          fullyQualifiedService: "envoy.service.discovery.v3.AggregatedDiscoveryService",
          method: "DeltaAggregatedResources"),
        serializer: RawSerializer(), deserializer: DeltaDeserializer(), options: options
      ) { response in
        defer { end.finish() }
        return try await response.messages.first { _ in true }
      }
    }
  }

  /// An incremental request for clusters, of about so many bytes of names.
  private static func request(bytes: Int, nameLength: Int = 1_000) throws -> [UInt8] {
    var request = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest()
    request.node.id = "p"
    request.typeURL = ResourceTypeURL.cluster
    let padding = String(repeating: "n", count: nameLength - 10)
    request.resourceNamesSubscribe =
      ["c"] + (0..<bytes / (nameLength + 3)).map { padding + String(1_000_000_000 + $0) }
    return try request.serializedBytes()
  }

  @Test(
    "A request of almost 16 MiB is taken, packed or not, and takes no more of the budgets than there is",
    arguments: [CompressionAlgorithm.none, .gzip])
  func large(compression: CompressionAlgorithm) async throws {
    cache.set(snapshot("one"), for: "p")
    let request = try Self.request(bytes: 16 << 20 - 1_000)
    #expect(request.count > 15 << 20 && request.count <= 16 << 20)
    let budgets = DataplaneServer.Budgets()
    try await withServer(budgets: budgets) { port in
      let response = try await delta(port, request, compression: compression)
      #expect(response?.resources.map(\.name) == ["c"])
      #expect((1...65_536).contains(response?.removedResources.count ?? 0), "no more is kept than a bound")
      try await eventually("all to be given back") {
        budgets.discovery.usage.bytes == 0 && budgets.names.usage.bytes == 0
      }
    }
    #expect(budgets.discovery.usage.peak > 15 << 20 && budgets.discovery.usage.peak <= budgets.discovery.limit)
    #expect(budgets.names.usage.peak <= budgets.names.limit && budgets.names.usage.peak > 0)
  }

  @Test(
    "A request over the limit is refused with a reason, compressed or not",
    arguments: [CompressionAlgorithm.none, .deflate])
  func tooLarge(compression: CompressionAlgorithm) async throws {
    let request = try Self.request(bytes: 16 << 20 + 200_000)
    try await withServer { port in
      let error = await #expect(throws: RPCError.self) { try await delta(port, request, compression: compression) }
      #expect(error?.code == .resourceExhausted)
      #expect(error?.message.contains("larger than the limit of 16777216 bytes") == true)
      // Others are served.
      cache.set(snapshot("one"), for: "p")
      let served = try await delta(port, Self.request(bytes: 0))
      #expect(served?.resources.count == 1)
    }
  }
}
