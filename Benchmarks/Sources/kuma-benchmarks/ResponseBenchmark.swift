import EnvoyAPI
import Foundation
import MeshModel
import MeshXDS
import SwiftProtobuf

/// A discovery response put together from encoded resources, and one encoded from messages by SwiftProtobuf.
enum ResponseBenchmark {
  private typealias Listener = Envoy_Config_Listener_V3_Listener
  private typealias LoadAssignment = Envoy_Config_Endpoint_V3_ClusterLoadAssignment

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let mesh = SampleMesh(proxies: 1000, services: 20)
    let path = try await ConfigurationPath(mesh, encoding: .shared)
    guard let snapshot = path.snapshot(of: "proxy-0") else {
      throw BenchmarkFailure(description: "the proxy has no snapshot")
    }
    let listeners = try compare(snapshot, ResourceTypeURL.listener, as: Listener.self)
    let endpoints = try compare(snapshot, ResourceTypeURL.endpoints, as: LoadAssignment.self)
    return [
      try await listeners.row("4 listeners", rounds: context.size(15, quick: 5)),
      try await endpoints.row("3 x 50 endpoints", rounds: context.size(15, quick: 5)),
    ]
  }

  /// Both ways to encode one response.
  private struct Contest {
    let response: DiscoveryStreamResponse
    let pack: () throws -> [Google_Protobuf_Any]

    func baseline() throws -> [UInt8] {
      var message = Envoy_Service_Discovery_V3_DiscoveryResponse()
      message.versionInfo = response.version
      message.typeURL = response.typeURL
      message.nonce = response.nonce
      message.resources = try pack()
      return try message.serializedBytes()
    }

    func row(_ what: String, rounds: Int) async throws -> ResultRow {
      let bytes = response.serialized().count
      let plainBytes = try baseline().count
      try BenchmarkFailure.unless(
        bytes == plainBytes, "both encodings should have the same size, but have \(bytes) and \(plainBytes) bytes")
      // The baseline is so much slower that fewer of it make as good a figure.
      let (repetitions, plainRepetitions) = (1000, 20)
      var sum = 0
      let comparison = try await Comparison(rounds: rounds) {
        await Cost.of { for _ in 0..<repetitions { sum &+= response.serialized().count } }.cpu / Double(repetitions)
      } baseline: {
        try await Cost.of { for _ in 0..<plainRepetitions { sum &+= try baseline().count } }.cpu
          / Double(plainRepetitions)
      }
      // Read, so that no work can be left out as useless.
      try BenchmarkFailure.unless(
        sum == (rounds + 1) * (repetitions + plainRepetitions) * bytes, "an encoding had another size")
      return ResultRow(
        "response", "\(what), \(Unit.bytes.text(Double(bytes))), CPU per response", in: .seconds,
        against: "SwiftProtobuf, Any(message:)", comparison)
    }
  }

  private static func compare<Content: Message>(
    _ snapshot: ProxySnapshot, _ typeURL: String, as type: Content.Type
  ) throws -> Contest {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "default.proxy-0"
    var stream = DiscoveryStreamStateMachine(variant: .stateOfTheWorld)
    let names = snapshot[typeURL].resources.map(\.name)
    let request = DiscoveryStreamRequest(node: node, typeURL: typeURL, interest: .all(names: names, version: ""))
    for action in stream.handle(.request(request)) + stream.handle(.snapshotChanged(snapshot)) {
      guard case .send(let response) = action else { continue }
      let messages = try response.resources.map { try Content(serializedBytes: $0.bytes) }
      return Contest(response: response) { try messages.map { try Google_Protobuf_Any(message: $0) } }
    }
    throw BenchmarkFailure(description: "no response was sent for \(typeURL)")
  }
}
