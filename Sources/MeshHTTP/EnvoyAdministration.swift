public import MeshPolicy

/// Queries the administration interfaces of the proxies' Envoys.
public protocol EnvoyAdministration: Sendable {
  /// The unchanged answer of a proxy's Envoy.
  ///
  /// - Parameters:
  ///   - defaultPort: the port of its administration interface on its machine's loopback address, if the proxy has not
  ///     named one; `nil` when it is unknown.
  /// - Throws: ``EnvoyAdministrationError``, also after a timeout.
  func answer(
    to question: EnvoyQuestion, of proxy: ProxyID, defaultPort: UInt16?
  ) async throws(EnvoyAdministrationError) -> [UInt8]
}

/// A question to an Envoy.
public enum EnvoyQuestion: Sendable, Hashable {
  /// Its configuration, as JSON. Endpoints are optional, because they are large.
  case configuration(withEndpoints: Bool)
  /// Its statistics.
  case statistics(asJSON: Bool)
  /// Its clusters with the state of their endpoints.
  case clusters(asJSON: Bool)
  /// How many connections of its application went on to what the mesh does not know.
  case passthrough
}

/// Why an Envoy did not answer.
public struct EnvoyAdministrationError: Error, Sendable {
  /// The kind of reason.
  public enum Code: Sendable, Hashable, CaseIterable {
    /// The proxy is not connected.
    case notConnected
    /// The proxy's Envoy has no administration interface.
    case noInterface
    /// The interface is at another machine's loopback address.
    case elsewhere
    /// Nothing listens at the interface's address.
    case unreachable
    /// The answer does not come from the proxy's Envoy, or is too large.
    case unexpectedAnswer
    /// The answer timed out.
    case timedOut
    /// Too many questions are in flight.
    case busy
  }

  /// The kind of reason.
  public var code: Code
  /// What is wrong and what to do, in sentences.
  public var message: String
  /// The underlying error, if any.
  public var cause: (any Error)?

  /// Makes an error.
  public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }
}
