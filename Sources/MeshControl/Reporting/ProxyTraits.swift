package import MeshXDS

/// What a proxy says of itself when a stream opens, as far as it decides what the proxy is sent.
package struct ProxyTraits: Sendable, Hashable {
  /// How long its listeners drain; `nil` when it does not say.
  package var drainTime: Duration?
  /// The version of its Envoy: `1.40.0`; empty when it does not say.
  package var envoyVersion: String
  /// Whether its Envoy takes the size and the interval of reports from the control plane.
  package var hasReportRuntime: Bool
  /// Where it is connected from.
  package var address: ProxyAddress

  /// Makes traits.
  package init(
    drainTime: Duration? = nil, envoyVersion: String = "", hasReportRuntime: Bool = false,
    address: ProxyAddress = ProxyAddress(remotePeer: "", adminPort: nil)
  ) {
    self.drainTime = drainTime
    self.envoyVersion = envoyVersion
    self.hasReportRuntime = hasReportRuntime
    self.address = address
  }

  /// Whether the tracer of this version of Envoy is known: how it fills its buffer, and that it reverses span ids in protobuf.
  /// Source: tests with Envoy 1.37 to 1.40.
  var hasKnownTracer: Bool {
    let parts = envoyVersion.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "1", let minor = Int(parts[1]), !parts[2].contains("dev") else { return false }
    return Self.knownMinors.contains(minor)
  }

  private static let knownMinors = 37...40
}
