public import MeshModel

/// The result of looking up a policy's backend.
public enum BackendResolution: Sendable, Hashable {
  /// The mesh has the backend.
  case found(TracingBackend)
  /// The policy names a backend that the mesh does not have. Nothing is traced: there is no fallback to the default or to
  /// another policy. Source: Kuma 2.7.
  case unknown(name: String)
  /// The policy names none and the mesh has no default.
  case noDefault

  /// Resolves a policy's backend in a mesh.
  public init(_ policy: TrafficTrace, in mesh: Mesh) {
    let tracing = mesh.tracing ?? Mesh.Tracing()
    let name = policy.backend.isEmpty ? tracing.defaultBackend : policy.backend
    guard !name.isEmpty else {
      self = .noDefault
      return
    }
    self = tracing.backends.first { $0.name == name }.map(BackendResolution.found) ?? .unknown(name: name)
  }

  /// The backend, when there is one.
  public var backend: TracingBackend? {
    if case .found(let backend) = self { backend } else { nil }
  }
}
