import GRPCCore
package import MeshXDS
package import ProxyEvidence

/// What of a message of Envoy's metrics service is evidence. An Envoy sends all of its statistics, thousands; they are filtered while
/// they are decoded. Source of the numbers of fields: Envoy's v3 API, `metrics_service.proto`, and Prometheus' `metrics.proto`.
package struct MetricsMessage: Sendable, Equatable {
  /// Envoy's node id; `nil` in all messages of a stream but the first.
  package var nodeID: String?
  /// The values of the statistics that are evidence.
  package var values: [Statistic: Int] = [:]
  /// The size of the message in bytes.
  package var byteCount = 0
  /// How many of the values are of services.
  private var serviceCount = 0

  /// Decodes a message. Of more statistics of services than ``EvidenceLimits/reported`` the first are taken, and so of all others: an
  /// Envoy sends its statistics in any order.
  ///
  /// - Throws: ``WireReader/Failure`` if it is no protobuf message.
  package init(_ bytes: UnsafeRawBufferPointer) throws(WireReader.Failure) {
    byteCount = bytes.count
    var reader = WireReader(bytes)
    while let field = try reader.next() {
      guard let content = field.bytes else { continue }
      switch field.number {
      case 1: nodeID = try Self.nodeID(content)
      case 2: try add(content)
      default: break
      }
    }
  }

  private static func nodeID(_ identifier: UnsafeRawBufferPointer) throws(WireReader.Failure) -> String? {
    guard let node = try content(of: 1, in: identifier), let id = try content(of: 1, in: node) else { return nil }
    return String(validating: id.prefix(2 * EvidenceLimits.textLength + 1), as: UTF8.self)
  }

  /// The content of the last field with a number.
  private static func content(
    of number: UInt64, in message: UnsafeRawBufferPointer
  ) throws(WireReader.Failure) -> UnsafeRawBufferPointer? {
    var found: UnsafeRawBufferPointer?
    var reader = WireReader(message)
    while let field = try reader.next() {
      if field.number == number, let content = field.bytes { found = content }
    }
    return found
  }

  /// The first bytes of the names that can be evidence.
  private static let beginnings = ["http.", "cluster.", "tracing."].map { Array($0.utf8) }

  private mutating func add(_ family: UnsafeRawBufferPointer) throws(WireReader.Failure) {
    var statistic: Statistic?
    var value: Double?
    var reader = WireReader(family)
    while let field = try reader.next() {
      guard let content = field.bytes else { continue }
      if field.number == 1 {
        guard Self.beginnings.contains(where: { content.starts(with: $0) }),
          let name = String(validating: content, as: UTF8.self), let found = EvidenceStatistics.statistic(name)
        else { return }
        statistic = found
      } else if field.number == 4 {
        value = try Self.value(content) ?? value
      }
    }
    guard let statistic, let value, value >= 0, value <= Double(EvidenceLimits.value) else { return }
    let isOfService = statistic.counter.rank > 0
    guard (isOfService ? serviceCount : values.count - serviceCount) < EvidenceLimits.reported else { return }
    if values.updateValue(Int(value), forKey: statistic) == nil, isOfService { serviceCount += 1 }
  }

  /// The value of a counter or a gauge.
  private static func value(_ metric: UnsafeRawBufferPointer) throws(WireReader.Failure) -> Double? {
    var reader = WireReader(metric)
    while let field = try reader.next() {
      guard field.number == 2 || field.number == 3, let content = field.bytes else { continue }
      var number = WireReader(content)
      while let field = try number.next() {
        if field.number == 1, let bits = field.fixed64 { return Double(bitPattern: bits) }
      }
      // Protobuf leaves out a 0.
      return 0
    }
    return nil
  }
}

/// Decodes messages of Envoy's metrics service.
struct MetricsMessageDeserializer: MessageDeserializer {
  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> MetricsMessage {
    do {
      return try bytes.withUnsafeBytes { try MetricsMessage($0) }
    } catch {
      throw RPCError(code: .invalidArgument, message: "the message is not one of Envoy's metrics service")
    }
  }
}
