/// Blocks of commands in documents that no test types as they stand, and why.
///
/// Their command lines are parsed (`DocumentedCommandTests` of each program). A new block is typed by a test instead, if a machine of
/// ``DocumentSession`` can run it.
enum UntypedBlocks {
  /// For each document the reasons, by the beginning of a block.
  static let reasons: [String: [String: String]] = [
    "CONTRIBUTING.md": ["make build &&": "builds and tests everything; the targets are checked to be there"],
    "README.md": [
      "make demo": ".ci/run runs the demo",
      "make test": "this is one of the tests",
      "$ curl -s http://localhost:9411/api/prop": "PropagationAPITests",
      "$ kumactl inspect dataplanes": "TracingCommandTests and TracingVerdictTests; --watch runs until Ctrl-C",
      "$ kumactl apply -f mesh": "TracingCommandTests",
      "export KUMA_STORE": "needs a database at db.example.com; ProductionTests and SharedStoreTests have one",
      "kumactl install control": "InstructionTests type it from docs/kubernetes.md",
    ],
    "docs/auto.md": ["$ kumactl": "AutomaticReportsTests"],
    "docs/backup.md": [
      "kuma-cp backup /var": "FirstStepsTests type it with another file; DocumentSession.upgrade has these paths",
      "systemctl daemon-reload": "needs the timers of a systemd and a second disk; the units were verified",
      "systemctl stop": "FirstStepsTests type it without units",
      "pg_dump": "programs of PostgreSQL, over a database of the reader",
      "kumactl export": "DocumentSession.fromKuma types it from docs/coming-from-kuma.md",
    ],
    "docs/collector.md": [
      "OTEL_EXPORTER_OTLP_PROTOCOL": "a program of the reader; ClientLibraryTests and GRPCExporterTests run SDKs",
      "kuma-cp collector": "runs until Ctrl-C; DocumentSession.fromZipkinAndJaeger starts one",
      "OTEL_EXPORTER_OTLP_ENDPOINT": "a program of the reader; CollectorAccessTests run an SDK with a token",
      "KUMA_API_SERVER_AUTHN":
        "runs until Ctrl-C, on all addresses; CollectorAccessTests start one with these settings",
    ],
    "docs/coming-from-jaeger.md": [
      "export OTEL": "a variable of a program of the reader; GRPCExporterTests run an SDK"
    ],
    "docs/coming-from-kuma.md": [
      "kumactl get secret": "the first line is for Kuma's own kumactl; SecretCommandTests have the second"
    ],
    "docs/cost-of-tracing.md": ["make release": "measures for fifteen minutes"],
    "docs/first-steps.md": ["python3 -m venv": "Scripts/setup installs this Envoy in the same way"],
    "docs/fuzzing.md": ["make fuzz": ".ci/run fuzzes for some seconds"],
    "docs/install.md": [
      "apt-get": "Scripts/check-packages installs the packages into a Debian of its own",
      "mv /usr/bin/kumactl": "Scripts/check-packages has two programs named kumactl",
      "sha256sum": "Scripts/check-packages runs the demo of the tarball",
    ],
    "docs/kubernetes.md": [
      "make images": "pushes images to a registry of the reader; make check-images builds them",
      "kumactl install control-plane --registry registry.example/mesh |":
        "the first step of the same document, which InstructionTests type",
      "helm": "ChartTests render the chart with Helm, which here has no cluster",
      "$ kubectl": "CustomResourceTests compare the columns",
      "kuma-dp run": "needs an address of the cluster; KumaDataplaneTests run kuma-dp with these flags",
      "kumactl generate user": "needs a port-forward, which needs a kubelet; TokenCommandTests",
      "kubectl -n kuma-system get secret": "needs a control plane in a pod; PodAccessTests read the Secret",
      "kubectl -n kuma-system port-forward": "needs a kubelet",
      "kumactl install control-plane --set":
        "needs an API server that reaches 10.1.2.3; ControlPlaneOnKubernetes does the same",
      #"kumactl install control-plane --registry registry.example/mesh \"#: "ReplicasTests; ManifestTests render it",
    ],
    "docs/no-trace.md": ["kumactl inspect": "TracingVerdictTests; status 1 says that something is not fine"],
    "docs/opentelemetry.md": [
      "export OTEL_SERVICE_NAME=shop   ":
        "variables of a program of the reader; ClientLibraryTests and TracedApplications run SDKs with them",
      "export OTEL_EXPORTER": "variables of a program of the reader; CollectorAccessTests run an SDK with them",
      "export OTEL_SERVICE_NAME=shop_demo": "a variable of a program of the reader",
    ],
    "docs/servers.md": ["kuma-cp run": "runs until Ctrl-C"],
    "docs/trace-store.md": ["DATABASE_WRITE": "writes a file among the tests, when a layout changes"],
    "docs/upgrade.md": [
      "systemctl stop": "needs packages of two versions; FirstStepsTests type the restore",
      "mv /var/lib/kuma": "needs programs of version 0.1.0",
    ],
  ]
}
