public import EnvoyAPI

/// The two variants of the discovery protocol.
public enum DiscoveryVariant: Sendable, Hashable {
  /// Each response carries all resources of its type that the proxy asked for.
  case stateOfTheWorld
  /// Each response carries what changed.
  case incremental
}

/// A request on a discovery stream, in either variant.
public struct DiscoveryStreamRequest: Sendable {
  /// The node. Required on the first request of a stream.
  public var node: Envoy_Config_Core_V3_Node?
  /// The type of the requested resources.
  public var typeURL: String
  /// The nonce of the response that it answers; empty if it answers none.
  public var nonce: String
  /// Why the proxy rejected that response; `nil` if it did not.
  public var rejection: String?
  /// The requested resources.
  public var interest: Interest
  /// Whether names of resources were dropped because there were too many.
  public var isCut = false
  /// How many bytes the message had.
  public var byteCount = 0

  /// The resources that a request asks for.
  public enum Interest: Sendable {
    /// State of the world: all names (an empty list means all resources), and the version that the proxy holds.
    case all(names: [String], version: String)
    /// Incremental: added and removed names, and on the first request of a type the versions that the proxy holds.
    case change(subscribe: [String], unsubscribe: [String], initialVersions: [String: String])
  }

  /// Makes a request.
  public init(
    node: Envoy_Config_Core_V3_Node? = nil, typeURL: String, nonce: String = "", rejection: String? = nil,
    interest: Interest
  ) {
    self.node = node
    self.typeURL = typeURL
    self.nonce = nonce
    self.rejection = rejection
    self.interest = interest
  }

  /// Converts a message of the state-of-the-world variant.
  public init(_ message: Envoy_Service_Discovery_V3_DiscoveryRequest) {
    self.init(
      node: message.hasNode ? message.node : nil, typeURL: message.typeURL, nonce: message.responseNonce,
      rejection: message.hasErrorDetail ? message.errorDetail.message : nil,
      interest: .all(names: message.resourceNames, version: message.versionInfo))
  }

  /// Converts a message of the incremental variant.
  public init(_ message: Envoy_Service_Discovery_V3_DeltaDiscoveryRequest) {
    self.init(
      node: message.hasNode ? message.node : nil, typeURL: message.typeURL, nonce: message.responseNonce,
      rejection: message.hasErrorDetail ? message.errorDetail.message : nil,
      interest: .change(
        subscribe: message.resourceNamesSubscribe, unsubscribe: message.resourceNamesUnsubscribe,
        initialVersions: message.initialResourceVersions))
  }
}
