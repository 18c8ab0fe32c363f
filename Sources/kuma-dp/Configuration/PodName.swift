/// The name of the Dataplane that belongs to the pod in which a proxy runs. Source: Kuma 2.7.
enum PodName {
  /// The name within the mesh, `pod.namespace`; `nil` outside pods.
  ///
  /// - Parameter environment: of the process. A pod puts its own fields into the variables.
  static func name(in environment: [String: String]) -> String? {
    guard let pod = environment["POD_NAME"], !pod.isEmpty, let namespace = environment["POD_NAMESPACE"],
      !namespace.isEmpty
    else { return nil }
    return "\(pod).\(namespace)"
  }
}
