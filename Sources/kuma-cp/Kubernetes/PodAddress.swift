import MeshControl
import MeshModel
import MeshPolicy

extension Reconciler {
  /// The address at which the Envoy of a pod passes its administration interface on to control planes; `nil` for a proxy without
  /// a pod.
  func podAddress(of proxy: ProxyID) async -> String? {
    await inspect(proxy.mesh) { index in
      guard let networking = index.dataplane(proxy.name)?.networking else { return nil }
      return networking.transparentProxying == nil ? nil : networking.address
    }
  }
}
