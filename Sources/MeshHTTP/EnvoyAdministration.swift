public import MeshPolicy

/// Asks the Envoys of proxies about themselves.
public protocol EnvoyAdministration: Sendable {
  /// What the Envoy of a proxy answers, as it answers it.
  ///
  /// - Parameters:
  ///   - defaultPort: the port of its administration interface on its machine's loopback address, where the proxy itself
  ///     has not named one; `nil` when nobody has.
  /// - Throws: ``EnvoyAdministrationError``. It does so in time: an Envoy that does not answer is not waited for.
  func answer(
    to question: EnvoyQuestion, of proxy: ProxyID, defaultPort: UInt16?
  ) async throws(EnvoyAdministrationError) -> [UInt8]
}

/// What an Envoy can be asked.
public enum EnvoyQuestion: Sendable, Hashable {
  /// Its configuration, as JSON; that of endpoints only when asked for, because it is large.
  case configuration(withEndpoints: Bool)
  /// Its statistics.
  case statistics(asJSON: Bool)
  /// Its clusters with the state of their endpoints.
  case clusters(asJSON: Bool)
}

/// An Envoy could not be asked.
public struct EnvoyAdministrationError: Error, Sendable {
  /// The kinds of reasons.
  public enum Code: Sendable, Hashable, CaseIterable {
    /// The proxy is not connected.
    case notConnected
    /// The proxy's Envoy has no administration interface.
    case noInterface
    /// The interface is at another machine's loopback address.
    case elsewhere
    /// Nobody listens where the interface should be.
    case unreachable
    /// Somebody listens there, but what was answered is not the answer of the proxy's Envoy, or is too large.
    case unexpectedAnswer
    /// There was no answer in time.
    case timedOut
    /// Too many questions are being answered already.
    case busy
  }

  /// What kind of reason it is.
  public var code: Code
  /// What is wrong and what to do, in sentences.
  public var message: String
  /// What led to it, where there is something.
  public var cause: (any Error)?

  /// Makes an error.
  public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }
}
