import ArgumentParser
import ChartTemplates
import MeshModel
import OrderedCollections

struct InstallControlPlaneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "control-plane", abstract: "Install Kuma Control Plane on Kubernetes.",
    discussion: """
      Print the manifest of a control plane in Kubernetes, with the custom resource definitions. The cluster itself is not
      touched. The manifest is that of the Helm chart in deploy/kuma-trace, and takes the same values: --dump-values
      prints them.

      Examples:
      kumactl install control-plane --registry registry.example/mesh | kubectl apply -f -
      kumactl install control-plane --set controlPlane.replicas=2,controlPlane.collector.enabled=false
      kumactl install control-plane --values production.yaml --env-var KUMA_XDS_SERVER_DATAPLANE_DEREGISTRATION_DELAY=30s
      """)

  @Option(parsing: .unconditional, help: ArgumentHelp("namespace to install to", valueName: "string"))
  var namespace = "kuma-system"

  @Option(
    parsing: .unconditional, help: ArgumentHelp("version of the images, that of kumactl if empty", valueName: "string"))
  var version = ""

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("registry and folder of the images, empty for images that the nodes have", valueName: "string"))
  var registry = ""

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("when images are pulled: Always, IfNotPresent or Never", valueName: "string"))
  var imagePullPolicy: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("registry of the image of the control plane, instead of --registry", valueName: "string"))
  var controlPlaneRegistry: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("name of the image of the control plane", valueName: "string"))
  var controlPlaneRepository: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("version of the image of the control plane, instead of --version", valueName: "string"))
  var controlPlaneVersion: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("name of the Service of the control plane", valueName: "string"))
  var controlPlaneServiceName: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("registry of the image of proxies in pods, instead of --registry", valueName: "string"))
  var dataplaneRegistry: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("name of the image of proxies in pods", valueName: "string"))
  var dataplaneRepository: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("version of the image of proxies in pods, instead of --version", valueName: "string"))
  var dataplaneVersion: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "registry of the image that redirects the traffic of pods, instead of --registry", valueName: "string"))
  var dataplaneInitRegistry: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("name of the image that redirects the traffic of pods", valueName: "string"))
  var dataplaneInitRepository: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "version of the image that redirects the traffic of pods, instead of --version", valueName: "string"))
  var dataplaneInitVersion: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "what becomes of pods that are to get a proxy while no control plane answers: Fail or Ignore", valueName: "string"
    ))
  var injectorFailurePolicy: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("labels of the nodes on which the control plane runs", valueName: PairsArgument.valueName))
  var controlPlaneNodeSelector: [PairsArgument] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("settings of the control plane, by their variables", valueName: PairsArgument.valueName))
  var envVar: [PairsArgument] = []

  @Option(parsing: .unconditional, help: ArgumentHelp("kind of control plane: zone", valueName: "string"))
  var mode = "zone"

  @Option(parsing: .unconditional, help: ArgumentHelp("zone of the control plane", valueName: "string"))
  var zone: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Secret with tls.crt and tls.key, instead of a certificate that the control plane makes", valueName: "string"))
  var tlsGeneralSecret: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("certificate authority of --tls-general-secret, PEM in base64", valueName: "string"))
  var tlsGeneralCaBundle: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Secret with tls.crt and tls.key, for the HTTP API over TLS alone", valueName: "string"))
  var tlsApiServerSecret: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Secret with the certificates of clients that are administrators, or of their authorities", valueName: "string"))
  var tlsApiServerClientCertsSecret: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("values of the chart, in the form key1=value1,key2=value2", valueName: "string"))
  var set: [String] = []

  @Option(
    name: [.customShort("f", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("files or addresses with values of the chart, or - for standard input", valueName: "string"))
  var values: [String] = []

  @Option(
    parsing: .unconditional, help: ArgumentHelp("version of Kubernetes for which to write", valueName: "string"))
  var kubeVersion = "1.36.0"

  @Flag(help: "print the values of the chart with their descriptions, and no manifest") var dumpValues = false

  @Flag(help: "accepted for scripts of Kuma's and not used: the cluster is never asked")
  var withoutKubernetesConnection = false

  @OptionGroup var refused: RefusedInstallation

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try refused.check()
    let chart = try Chart(files: EmbeddedChart.files)
    guard !dumpValues else { return Console.write(chart.valuesText) }
    guard mode == "zone" else {
      throw CommandFailure("--mode: \(mode.quoted) is not supported, there is only zone: a control plane is one zone")
    }
    try KubernetesNamespace.check(namespace)
    if let refusal = chart.refusal(ofKubernetes: kubeVersion) { throw CommandFailure("--kube-version: \(refusal)") }
    let release = Chart.Release(name: "kuma", namespace: namespace, kubernetesVersion: kubeVersion)
    let manifests: [Chart.Manifest]
    do {
      manifests = try chart.manifests(of: release, values: try await mergedValues(over: chart.values))
    } catch let error as ValuesError {
      throw CommandFailure(error.message)
    } catch let error as TemplateError {
      throw CommandFailure(error.description)
    }
    Console.write(manifests.map(\.text).joined(separator: "---\n"))
  }

  /// The values of the chart, then those of files, then those of options, then those of `--set`.
  private func mergedValues(over base: DocumentValue.Object) async throws -> DocumentValue.Object {
    var result = base
    for name in values {
      for (text, file) in try await ResourceSource(name).texts() {
        result = result.merged(with: try Self.read(text, from: file ?? name))
      }
    }
    result = result.merged(with: optionValues)
    for text in set { try SetExpression.apply(text, to: &result) }
    return result
  }

  private static func read(_ text: String, from name: String) throws -> DocumentValue.Object {
    do throws(DocumentError) {
      let documents = try DocumentValue.yamlDocuments(text).filter { $0 != .null }
      guard !documents.isEmpty else { return [:] }
      guard documents.count == 1, let object = documents[0].object else {
        throw DocumentError(code: .wrongKind, message: "values are one document with an object")
      }
      return object
    } catch {
      throw CommandFailure("--values: \(name): \(error)")
    }
  }

  /// The values that options stand for.
  private var optionValues: DocumentValue.Object {
    func object(_ pairs: [(String, String?)]) -> DocumentValue {
      var object: DocumentValue.Object = [:]
      for case (let key, let value?) in pairs { object[key] = .string(value) }
      return .object(object)
    }
    var controlPlane: DocumentValue.Object = [
      "image": object([
        ("registry", controlPlaneRegistry), ("repository", controlPlaneRepository), ("tag", controlPlaneVersion),
        ("pullPolicy", imagePullPolicy),
      ]),
      "service": object([("name", controlPlaneServiceName)]),
      "tls": [
        "general": object([("secretName", tlsGeneralSecret), ("caBundle", tlsGeneralCaBundle)]),
        "apiServer": object([
          ("secretName", tlsApiServerSecret), ("clientCertsSecretName", tlsApiServerClientCertsSecret),
        ]),
      ],
      "nodeSelector": .tags(controlPlaneNodeSelector.values), "envVars": .tags(envVar.values),
    ]
    if let zone { controlPlane["zone"] = .string(zone) }
    if let injectorFailurePolicy { controlPlane["injectorFailurePolicy"] = .string(injectorFailurePolicy) }
    return [
      "createNamespace": true,
      "global": [
        "image": object([("registry", registry.isEmpty ? nil : registry), ("tag", version.isEmpty ? nil : version)])
      ],
      "controlPlane": .object(controlPlane),
      "dataPlane": [
        "image": object([
          ("registry", dataplaneRegistry), ("repository", dataplaneRepository), ("tag", dataplaneVersion),
        ]),
        "initImage": object([
          ("registry", dataplaneInitRegistry), ("repository", dataplaneInitRepository), ("tag", dataplaneInitVersion),
        ]),
      ],
    ]
  }
}
