import ArgumentParser
import MeshClient

struct InstallTracingCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tracing", abstract: "Install Tracing backend in Kubernetes cluster (Jaeger).",
    discussion: """
      Print the manifest of a Jaeger that collects Zipkin spans. The cluster itself is not touched. A tracing backend of
      a mesh that leads to it has the url http://jaeger-collector.kuma-tracing:9411/api/v2/spans (with --namespace, that
      namespace instead of kuma-tracing). Proxies send Jaeger JSON, also with apiVersion "auto".

      Examples:
      kumactl install tracing | kubectl apply -f -
      kumactl install tracing --namespace observability --image jaegertracing/all-in-one:1.76.0
      """)

  @Option(parsing: .unconditional, help: ArgumentHelp("namespace to install to", valueName: "string"))
  var namespace = "kuma-tracing"

  @Option(parsing: .unconditional, help: ArgumentHelp("container image of Jaeger", valueName: "string"))
  var image = JaegerManifest.defaultImage

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws { Console.write(try JaegerManifest(namespace: namespace, image: image).text) }
}
