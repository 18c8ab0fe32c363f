/// Where clients reach a service without the mesh's help.
package enum ServiceAddress: Hashable, Sendable {
  /// At addresses that stand for all endpoints of the service, such as those of a Service in a cluster, of both families.
  case virtual([String], port: UInt16)
  /// At the addresses of its endpoints.
  case headless
}
