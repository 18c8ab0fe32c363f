import MeshPolicy
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
    let parts = versionParts
    guard parts.count == 3, let minor, !parts[2].contains("dev") else { return false }
    return Self.knownMinors.contains(minor)
  }

  /// What backends may ask of this version of Envoy.
  var features: Set<EnvoyFeature> { EnvoyFeature.supported(by: envoyVersion) }

  private var versionParts: [Substring] {
    envoyVersion.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
  }

  /// The second number of a version 1; `nil` for any other.
  private var minor: Int? {
    let parts = versionParts
    guard parts.count == 3, parts[0] == "1" else { return nil }
    return Int(parts[1])
  }

  private static let knownMinors = 37...40
}
