/// The Helm chart of the control plane, as it stands in `deploy/kuma-trace`.
enum EmbeddedChart {
  /// The texts of its files, by their paths.
  static let files: [String: String] = [
    "Chart.yaml": PackageResources.Chart_yaml,
    "values.yaml": PackageResources.values_yaml,
    "values.schema.json": PackageResources.values_schema_json,
    "templates/_helpers.tpl": PackageResources._helpers_tpl,
    "templates/certificate-authority.yaml": PackageResources.certificate_authority_yaml,
    "templates/deployment.yaml": PackageResources.deployment_yaml,
    "templates/namespace.yaml": PackageResources.namespace_yaml,
    "templates/network-policy.yaml": PackageResources.network_policy_yaml,
    "templates/pod-disruption-budget.yaml": PackageResources.pod_disruption_budget_yaml,
    "templates/rbac.yaml": PackageResources.rbac_yaml,
    "templates/service-account.yaml": PackageResources.service_account_yaml,
    "templates/service.yaml": PackageResources.service_yaml,
    "templates/webhooks.yaml": PackageResources.webhooks_yaml,
    "crds/dataplaneinsights.yaml": PackageResources.dataplaneinsights_yaml,
    "crds/dataplanes.yaml": PackageResources.dataplanes_yaml,
    "crds/meshes.yaml": PackageResources.meshes_yaml,
    "crds/traffictraces.yaml": PackageResources.traffictraces_yaml,
  ].mapValues { String(decoding: $0, as: UTF8.self) }

  /// The definitions of the custom resources: documents in YAML, sorted by name.
  static var customResources: [String] {
    files.filter { $0.key.hasPrefix("crds/") }.sorted { $0.key < $1.key }.map(\.value)
  }
}
