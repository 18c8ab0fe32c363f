import Foundation
import MeshModel
import MeshTestSupport

/// A fault that leaves requests without a trace, with what the control plane has to say about it.
struct Injection: Sendable {
  /// Where the policy for the proxy leads.
  enum Destination: Sendable {
    /// There is no policy.
    case noPolicy
    /// The policy names no backend, and the mesh has no default.
    case noBackend
    /// The policy names a backend that the mesh does not have.
    case missing(String)
    /// The own collector.
    case own(sampling: String = "100", path: String = "/api/v2/spans", conf: String = "")
    /// A URL.
    case url(@Sendable (NoTraceRig) throws -> String, conf: String = "")
  }

  /// The name of the cause that is expected.
  var cause: String
  /// The proxy, and the service of its inbound.
  var name: String
  /// Within what time of its first request the cause is to be named.
  var limit = Duration.seconds(10)
  var destination = Destination.own()
  /// Policies beside that of the proxy, as YAML.
  var policies = ""
  var shape = NoTraceRig.Shape()
  /// Whether a real proxy is started for it.
  var hasProxy = true
  /// Whether its inbound is waited for.
  var isListening = true
  /// What is done before requests are sent.
  var prepare: (@Sendable (NoTraceRig) async throws -> Void)?
  /// The requests; nothing for those that the rig does not send by itself.
  var load: @Sendable (NoTraceRig, ProxyProcess) -> SteadyLoad.Target? = { _, proxy in
    SteadyLoad.Target(port: proxy.inboundPort)
  }
  /// What is done when all requests have begun.
  var begin: (@Sendable (NoTraceRig) async throws -> Void)?
  /// How the verdict is asked for, where it is not that of the proxy.
  var verdict: (@Sendable (VerdictWatch) async throws -> VerdictWatch.Verdict?)?
}
