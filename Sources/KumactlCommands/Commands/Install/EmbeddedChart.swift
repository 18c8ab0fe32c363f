/// The Helm chart of the control plane, as it stands in `deploy/kuma-trace`.
enum EmbeddedChart {
  /// The definitions of the custom resources: documents in YAML, sorted by name.
  static let customResources = [
    PackageResources.dataplaneinsights_yaml, PackageResources.dataplanes_yaml, PackageResources.meshes_yaml,
    PackageResources.traffictraces_yaml,
  ].map { String(decoding: $0, as: UTF8.self) }
}
