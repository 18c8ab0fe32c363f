import KubernetesAPI
import Logging
import MeshXDS
import ProgramSettings

extension ControlPlaneConfiguration {
  /// What checks which proxy a peer is, as the settings say; `nil` where nobody has to prove anything.
  ///
  /// - Parameter access: has the keys of dataplane tokens.
  /// - Throws: ``SettingFailure`` if there is no cluster that could check tokens of service accounts.
  func proxyAuthenticator(
    _ cluster: ClusterConnection?, access: AccessState, logger: Logger
  ) throws(SettingFailure) -> (any ProxyAuthenticating)? {
    switch proxyAuthentication {
    case .none: return nil
    case .serviceAccountToken:
      guard let cluster else {
        throw SettingFailure("\(ControlPlaneSettings.key(\.proxyAuthentication)) needs a cluster")
      }
      return PodAuthenticator(client: cluster.client.sibling(), logger: logger)
    case .dpToken:
      return TokenAuthenticator(
        keys: { access.isReady ? access.keys : nil }, keyChanges: { access.changes() })
    }
  }
}
