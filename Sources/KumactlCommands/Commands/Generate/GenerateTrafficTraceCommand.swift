import ArgumentParser
import MeshClient
import MeshModel

struct GenerateTrafficTraceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "traffic-trace", abstract: "Generate a TrafficTrace.",
    discussion: """
      Print a TrafficTrace that selects proxies by their tags. Nothing is applied.

      Examples:
      kumactl generate traffic-trace --name all --backend jaeger | kumactl apply -f -
      kumactl generate traffic-trace --name eu --tag kuma.io/service=web --tag region=eu --format kubernetes
      """)

  @Option(parsing: .unconditional, help: ArgumentHelp("the policy's name", valueName: "string"))
  var name: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("the backend's name; the mesh's default when there is none", valueName: "string"))
  var backend = ""

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "tag that a proxy has to have, in the form name=value; may be given several times; every proxy when there is none",
      valueName: PairsArgument.valueName))
  var tag: [PairsArgument] = []

  @Option(
    parsing: .unconditional, help: ArgumentHelp("form of the resource: universal or kubernetes", valueName: "string"),
    completion: .list(["universal", "kubernetes"]))
  var format = "universal"

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    guard let form = ResourceDocument.Form(rawValue: format) else {
      throw CommandFailure("unknown format \"\(format)\". Allowed values: universal, kubernetes")
    }
    var match = tag.values
    if match.isEmpty { match[TagName.service] = TrafficTrace.wildcard }
    let policy = TrafficTrace(selectors: [TrafficTrace.Selector(match: match)], backend: backend)
    let resource = Resource(mesh: mesh.mesh, name: name, spec: policy.spec)
    let violations = NameRules.violations(ofNewName: name) + resource.violations()
    guard violations.isEmpty else {
      throw CommandFailure(violations.map(\.description).joined(separator: "; "))
    }
    Console.write(resource.document(form).yaml(sortKeys: false))
  }
}
