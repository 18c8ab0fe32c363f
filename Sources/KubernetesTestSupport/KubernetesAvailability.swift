import Foundation
package import Testing

extension KubernetesServer {
  /// Why there is no API server on this machine, and what to type; `nil` when there is one.
  package static var whyNot: String? {
    guard case .failure(let failure) = KubernetesPrograms.folder else { return nil }
    return failure.description
  }

  /// Whether tests are to run that need an API server: it is there, or `KUMA_TRACE_REQUIRE_KUBERNETES=1` says that it has to
  /// be. Then they fail where it is missing.
  package static var isAvailable: Bool {
    whyNot == nil || ProcessInfo.processInfo.environment["KUMA_TRACE_REQUIRE_KUBERNETES"] == "1"
  }
}

extension Trait where Self == ConditionTrait {
  /// Runs a test or a suite only where a real API server is there; the report of the others says what is missing.
  package static var onKubernetes: Self {
    .enabled(if: KubernetesServer.isAvailable, "no Kubernetes: \(KubernetesServer.whyNot ?? "")")
  }
}
