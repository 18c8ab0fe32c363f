import Documents
import Foundation
import KubernetesTestSupport
import OrderedCollections
import TestSupport
import Testing

/// The chart with the real Helm, and `kumactl install control-plane`, which must print the same objects.
@Suite(.onKubernetes, .heavy, .timeLimit(.minutes(60))) struct ChartTests {
  private static let chart = KubernetesPrograms.file("deploy/kuma-trace")
  private static let anything = """
    global: {image: {registry: registry.example/mesh/, tag: "1.2"}, imagePullSecrets: [one, two]}
    controlPlane:
      image: {pullPolicy: Always}
      envVars: {KUMA_LOG_LEVEL: debug, LINES: "one\\ntwo\\n", NUMBER: 7, TRUTH: true, QUOTES: 'say "hi" \\ back'}
      nodeSelector: null
      podAnnotations: {note: "one\\n\\ntwo\\n", "example.org/number": "5"}
      extraLabels: {team: "7"}
      affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}}
      tolerations: [{key: dedicated, operator: Exists}]
      admission: {ownerReferences: false, failurePolicy: Ignore}
      serviceAccountAnnotations: {role: "a:b"}
      service: {name: other, type: NodePort, annotations: {a: b}}
      updateStrategy: null
      resources: null
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
    networkPolicy: {extraIngress: [{from: [{podSelector: {}}], ports: [{port: 5680}]}]}
    """

  private func helm(_ arguments: String..., values: String? = nil) async throws -> KubernetesPrograms.Output {
    try await KubernetesPrograms.run(try KubernetesPrograms.path("helm"), arguments, input: values)
  }

  private func kumactl(_ arguments: [String], values: String? = nil) async throws -> KubernetesPrograms.Output {
    try await KubernetesPrograms.run(
      try TestPrograms.path("kumactl"), ["install", "control-plane"] + arguments, input: values)
  }

  /// The objects of a manifest by kind and name.
  private func objects(_ manifest: String) throws -> [String: DocumentValue] {
    var objects: [String: DocumentValue] = [:]
    for document in try DocumentValue.yamlDocuments(manifest) where document != .null {
      let name = "\(document["kind"]?.string ?? "") \(document["metadata"]?["name"]?.string ?? "")"
      #expect(objects[name] == nil, "\(name) is there twice")
      objects[name] = document.sortedByKey()
    }
    return objects
  }

  @Test("Helm finds nothing wrong with it")
  func lint() async throws {
    let result = try await helm("lint", "--strict", Self.chart)
    #expect(result.isSuccess, "\(result.output)\(result.errors)")
    #expect(result.output.contains("0 chart(s) failed"))
  }

  @Test(
    "Helm and kumactl give the same objects for the same values",
    arguments: [
      "controlPlane.replicas=3", "controlPlane.tls.general.secretName=own,controlPlane.tls.general.caBundle=QUJD",
      "controlPlane.nodeSelector.kubernetes\\.io/os=null,controlPlane.nodeSelector.a\\.b/c=d",
      "global.imagePullSecrets={a,b},networkPolicy.enabled=false,global.imagePullSecrets[2]=c",
      "controlPlane.envVars.X=true,controlPlane.envVars.Y=007,controlPlane.envVars.Z=12",
      "controlPlane.shutdownDelaySeconds=0,controlPlane.defaults.skipMeshCreation=true",
      "controlPlane.collector.enabled=false,controlPlane.minReadySeconds=5",
      "controlPlane.apiServer.https.enabled=false,controlPlane.diagnostics.openMetrics=true",
      "controlPlane.tls.apiServer.secretName=api,controlPlane.tls.apiServer.clientCertsSecretName=admins",
      "controlPlane.injectorFailurePolicy=Ignore,dataPlane.image.registry=r.example/a/,dataPlane.image.tag=v3",
      "global.image.registry=r.example,dataPlane.initImage.repository=own-init,dataPlane.initImage.tag=v4",
    ])
  func equal(set: String) async throws { try await compare(["--set", set], version: "1.36.0") }

  @Test("Helm and kumactl give the same objects for an old cluster, with two replicas and without")
  func equalOld() async throws {
    try await compare([], version: "1.20.2")
    try await compare(
      ["--set", "controlPlane.podDisruptionBudget.maxUnavailable=50%", "--set", "controlPlane.replicas=2"],
      version: "1.20.2")
  }

  @Test("Helm and kumactl give the same objects for the same file of values")
  func equalFiles() async throws {
    try await compare(
      ["--values", "-", "--set", "controlPlane.replicas=2,controlPlane.image.registry=other"], version: "1.36.0",
      values: Self.anything)
  }

  private func compare(_ arguments: [String], version: String, values: String? = nil) async throws {
    let arguments = arguments + ["--namespace", "mesh", "--kube-version", version]
    let rendered = try await KubernetesPrograms.run(
      try KubernetesPrograms.path("helm"),
      ["template", "kuma", Self.chart, "--include-crds", "--set", "createNamespace=true"] + arguments, input: values)
    #expect(rendered.isSuccess, "\(rendered.errors)")
    let printed = try await kumactl(arguments, values: values)
    #expect(printed.isSuccess && printed.errors.isEmpty, "\(printed.errors)")
    let (expected, found) = (try objects(rendered.output), try objects(printed.output))
    #expect(expected.count >= 14)
    #expect(expected.keys.sorted() == found.keys.sorted())
    for (name, object) in expected {
      #expect(object == found[name], "\(name): \(object.json()) and \(found[name]?.json() ?? "nothing")")
    }
  }

  @Test(
    "Helm and kumactl refuse the same values",
    arguments: [
      "controlPlane.logLevel=loud", "controlPlane.replicas=x", "controlPlan.replicas=1", "createNamespace",
      "global.imagePullSecrets={}", "controlPlane.injectorFailurePolicy=fail", "dataPlane.image.name=x",
      "controlPlane.service.type=Other", "networkPolicy.enabled=5", "controlPlane.apiServer.https=true",
    ])
  func refuse(set: String) async throws {
    let rendered = try await helm("template", "kuma", Self.chart, "--set", set)
    #expect(!rendered.isSuccess)
    let printed = try await kumactl(["--set", set])
    #expect(!printed.isSuccess && printed.output.isEmpty)
    #expect(printed.errors.contains(set.prefix { !"=.{".contains($0) }), "\(printed.errors)")
  }

  @Test("Options of kumactl stand for values")
  func options() async throws {
    let short = try await kumactl([
      "--registry", "r.example/x", "--version", "v9", "--image-pull-policy", "Never", "--zone", "east",
      "--control-plane-repository", "cp", "--control-plane-version", "v8", "--control-plane-service-name", "front",
      "--control-plane-node-selector", "disk=ssd", "--env-var", "KUMA_X=1", "--tls-general-secret", "own",
      "--tls-general-ca-bundle", "QUJD", "--mode", "zone", "--without-kubernetes-connection",
      "--tls-api-server-secret", "api", "--tls-api-server-client-certs-secret", "admins",
      "--dataplane-registry", "r.example/y", "--dataplane-repository", "dp", "--dataplane-version", "v7",
      "--dataplane-init-registry", "r.example/z", "--dataplane-init-repository", "init", "--dataplane-init-version",
      "v6",
      "--injector-failure-policy", "Ignore",
    ])
    let long = try await kumactl([
      "--set", "global.image.registry=r.example/x,global.image.tag=v9,controlPlane.image.pullPolicy=Never",
      "--set", "controlPlane.zone=east,controlPlane.image.repository=cp,controlPlane.image.tag=v8",
      "--set", "controlPlane.service.name=front,controlPlane.nodeSelector.disk=ssd,controlPlane.envVars.KUMA_X=1",
      "--set", "controlPlane.tls.general.secretName=own,controlPlane.tls.general.caBundle=QUJD",
      "--set", "controlPlane.tls.apiServer.secretName=api,controlPlane.tls.apiServer.clientCertsSecretName=admins",
      "--set", "dataPlane.image.registry=r.example/y,dataPlane.image.repository=dp,dataPlane.image.tag=v7",
      "--set", "dataPlane.initImage.registry=r.example/z,dataPlane.initImage.repository=init",
      "--set", "dataPlane.initImage.tag=v6,controlPlane.injectorFailurePolicy=Ignore",
    ])
    #expect(short.isSuccess, "\(short.errors)")
    #expect(try objects(short.output) == objects(long.output))
    let deployment = try objects(short.output)["Deployment kuma-control-plane"]
    let containers = deployment?["spec"]?["template"]?["spec"]?["containers"]?.array
    #expect(containers?.first?["image"] == "r.example/x/cp:v8")
    let variables = containers?.first?["env"]?.array ?? []
    func variable(_ name: String) -> String? { variables.first { $0["name"]?.string == name }?["value"]?.string }
    #expect(variable("KUMA_RUNTIME_KUBERNETES_INJECTOR_SIDECAR_CONTAINER_IMAGE") == "r.example/y/dp:v7")
    #expect(variable("KUMA_INJECTOR_INIT_CONTAINER_IMAGE") == "r.example/z/init:v6")
  }
}
