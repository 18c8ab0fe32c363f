import MeshModel
import OrderedCollections

/// What of an application's traffic a proxy takes, and what of it leaves no spans: for people.
package struct CaptureExplanation: Sendable, Hashable {
  /// The port to which the application's own connections are led.
  package var outboundPort: UInt16
  /// The port to which connections to the application are led; `nil` when they are not.
  package var inboundPort: UInt16?
  /// Whether IPv6 is taken too.
  package var takesIPv6: Bool
  /// Whether connections to what the mesh does not know go on.
  package var passesThrough: Bool
  /// How many such connections the proxy has made since it started; `nil` when its Envoy was not asked or did not answer.
  package var connections: UInt64?
  /// Why the Envoy did not answer.
  package var silence: String?

  init(_ capture: TrafficCapture) {
    outboundPort = capture.outboundPort
    inboundPort = capture.inboundPort
    takesIPv6 = capture.takesIPv6
    passesThrough = capture.passesThrough
  }

  /// Envoy's counters of the connections that go on, one for each family of addresses.
  package static let counters = ["ipv4", "ipv6"].map { "cluster.outbound_passthrough_\($0).upstream_cx_total" }

  /// Reads the number of connections from an Envoy's statistics, one counter in a line. Unknown lines are skipped.
  package mutating func read(statistics: String) {
    var sum: UInt64 = 0
    for line in statistics.split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, Self.counters.contains(String(parts[0])) else { continue }
      sum &+= UInt64(parts[1].trimmingPrefix { $0.isWhitespace }) ?? 0
    }
    connections = sum
  }

  /// Why connections to what the mesh does not know leave no spans.
  package var reason: String {
    passesThrough
      ? "connections to addresses that are not listed as listeners go on as TCP, and their requests leave no span here"
      : "networking.outbound.passthrough of the mesh is false, so connections to addresses that are not listed as "
        + "listeners are closed"
  }

  /// The explanation in document form.
  var document: DocumentValue {
    var passthrough: DocumentValue.Object = [
      "allowed": .bool(passesThrough), "traced": false, "reason": .string(reason),
      "connections": connections.map { .integer(Int64(clamping: $0)) } ?? .null,
      "counters": .array(Self.counters.prefix(takesIPv6 ? 2 : 1).map(DocumentValue.string)),
    ]
    if let silence { passthrough["connectionsUnknown"] = .string(silence) }
    return [
      "outboundPort": .integer(Int64(outboundPort)), "inboundPort": inboundPort.map { .integer(Int64($0)) } ?? .null,
      "ipFamilies": takesIPv6 ? ["IPv4", "IPv6"] : ["IPv4"], "passthrough": .object(passthrough),
    ]
  }
}
