import MeshXDS
import ProxyEvidence
import Testing

@testable import MeshTransport

/// Messages of Envoy's metrics service, in protobuf's wire format.
@Suite struct MetricsMessageTests {
  /// Fields of protobuf, written by the numbers of Envoy's API.
  private struct Message {
    var bytes: [UInt8] = []

    static func of(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
      var length = content.count
      var bytes = [number << 3 | 2]
      while length >= 0x80 {
        bytes.append(UInt8(length & 0x7F) | 0x80)
        length >>= 7
      }
      return bytes + [UInt8(length)] + content
    }

    static func double(_ value: Double) -> [UInt8] {
      [1 << 3 | 1] + withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }

    /// A family with one metric, whose field is 3 for a counter and 2 for a gauge.
    static func family(_ name: String, _ kind: UInt8, _ value: [UInt8]) -> [UInt8] {
      of(2, of(1, Array(name.utf8)) + of(4, of(kind, value) + [6 << 3, 1]))
    }
  }

  private static func read(_ bytes: [UInt8]) throws -> MetricsMessage {
    try bytes.withUnsafeBytes { try MetricsMessage($0) }
  }

  @Test func whatIsEvidenceIsRead() throws {
    let node = Message.of(1, Message.of(1, Message.of(1, Array("default.web".utf8))))
    let message = try Self.read(
      node + Message.family("http.backend.downstream_rq_total", 3, Message.double(12))
        + Message.family("cluster.tracing_jaeger.membership_healthy", 2, Message.double(1))
        + Message.family("cluster.tracing_jaeger.upstream_rq_total", 3, [])
        + Message.family("server.uptime", 2, Message.double(3))
        + Message.family("cluster.backend.upstream_rq_time", 7, Message.double(3)))
    #expect(message.nodeID == "default.web")
    #expect(
      message.values == [
        Statistic("backend", .requests): 12, Statistic("tracing_jaeger", .healthyEndpoints): 1,
        Statistic("tracing_jaeger", .reports): 0,
      ])
  }

  @Test(arguments: [-1, .nan, .infinity, 1e300]) func valuesThatCannotBeCountsAreLeftOut(value: Double) throws {
    let message = try Self.read(Message.family("http.backend.downstream_rq_total", 3, Message.double(value)))
    #expect(message.values.isEmpty && message.nodeID == nil)
  }

  @Test func thereIsABound() throws {
    var bytes: [UInt8] = []
    for number in 0..<3_000 { bytes += Message.family("http.a\(number).downstream_rq_total", 3, Message.double(1)) }
    #expect(try Self.read(bytes).values.count == EvidenceLimits.reported)
  }

  /// A message is taken as whole, so that what is left out would count as 0.
  @Test func manyServicesDoNotTakeThePlaceOfListenersTracersAndCollectors() throws {
    var bytes: [UInt8] = []
    for number in 0..<1_500 { bytes += Message.family("cluster.s\(number).upstream_rq_total", 3, Message.double(1)) }
    bytes += Message.family("http.backend.downstream_rq_total", 3, Message.double(12))
    bytes += Message.family("tracing.zipkin.reports_sent", 3, Message.double(7))
    let values = try Self.read(bytes).values
    #expect(values[Statistic("backend", .requests)] == 12 && values[Statistic("zipkin", .reportsSent)] == 7)
    #expect(values.count == EvidenceLimits.reported + 2)
  }

  @Test func whatIsNoMessageIsRefused() {
    let whole = Message.family("http.backend.downstream_rq_total", 3, Message.double(12))
    for count in 1..<whole.count {
      #expect(throws: WireReader.Failure.self, "\(count) bytes") { try Self.read(Array(whole.prefix(count))) }
    }
  }
}
