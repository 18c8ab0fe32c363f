package import MeshModel
package import MeshPolicy

/// Who receives spans at an address.
package enum ReceiverAnswer: Sendable, Hashable {
  /// The collector of this control plane.
  case own
  /// Another collector of this product that accepts the protobuf of Envoy. `instance`: identifies its run.
  case collector(instance: String)
  /// Something else. `what`: what it answered, such as `GET /receiver with status 404`.
  case other(what: String)
  /// It did not answer, so nothing is known. `why`: such as `the connection was refused`.
  case silent(why: String)
}

/// Questions about the receivers of spans.
package protocol ReceiverQuestions: Sendable {
  /// Who receives spans at an address. Answers within a few seconds.
  func identity(at url: CollectorURL) async -> ReceiverAnswer
  /// How long ago the last reports of proxies arrived at an address, for those proxies that the receiver knows; `nil` if the
  /// receiver does not tell.
  func reportAges(of proxies: [ProxyID], at url: CollectorURL) async -> [ProxyID: Duration]?
  /// How many reports of a proxy to a backend were answered, by the counters of its Envoy; `nil` if the Envoy cannot be asked.
  func answeredReports(of proxy: ProxyID, toBackend backend: String) async -> UInt64?
}
