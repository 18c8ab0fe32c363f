import ArgumentParser

struct InstallObservabilityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "observability", abstract: "Install Observability backend in Kubernetes cluster (Jaeger).",
    discussion: """
      Print the manifest of a Jaeger that collects Zipkin and OpenTelemetry spans. The cluster itself is not touched.

      Examples:
      kumactl install observability | kubectl apply -f -
      kumactl install observability --namespace tracing --mesh demo
      """)

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("what to install, separated by commas: jaeger", valueName: "string"))
  var components: [String] = ["jaeger"]

  @Option(parsing: .unconditional, help: ArgumentHelp("container image of Jaeger", valueName: "string"))
  var image = JaegerManifest.defaultImage

  @Option(
    name: [.customShort("m", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("mesh to observe", valueName: "string"))
  var mesh = "default"

  @Option(parsing: .unconditional, help: ArgumentHelp("namespace to install to", valueName: "string"))
  var namespace = "mesh-observability"

  /// Kuma's options for components that are not installed here.
  private static let unused = ArgumentHelp(
    "accepted for scripts of Kuma's and not used: no Grafana is installed", valueName: "string")

  @Option(parsing: .unconditional, help: unused) var kumaCpAddress: String?
  @Option(parsing: .unconditional, help: unused) var jaegerAddress: String?
  @Option(parsing: .unconditional, help: unused) var lokiAddress: String?
  @Option(parsing: .unconditional, help: unused) var prometheusAddress: String?

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    for component in components.flatMap({ $0.split(separator: ",") }) where component != "jaeger" {
      throw CommandFailure("component \"\(component)\" cannot be installed by this kumactl. Allowed values: jaeger")
    }
    Console.write(try JaegerManifest(namespace: namespace, image: image, mesh: mesh).text)
  }
}
