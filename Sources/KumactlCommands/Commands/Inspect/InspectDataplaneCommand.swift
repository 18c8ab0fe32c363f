import ArgumentParser
import MeshClient
import MeshModel
import OrderedCollections

struct InspectDataplaneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dataplane", abstract: "Inspect Dataplane.",
    discussion: """
      Inspect Dataplane: the policies that apply to it, why it is traced or not, or what its Envoy says.

      Examples:
      # The policies that apply to a proxy
      kumactl inspect dataplane web-1

      # Why a proxy is traced, or is not
      kumactl inspect dataplane web-1 --type=tracing

      # The same for programs
      kumactl inspect dataplane web-1 --type=tracing -o json

      # What its Envoy says
      kumactl inspect dataplane web-1 --type=config-dump
      """)

  /// An inspection of a proxy, with the last segment of its path.
  private enum Inspection: String {
    case policies
    case tracing = "_tracing"
    case configDump = "xds"
    case stats
    case clusters

    /// The names on the command line.
    static let names = ["policies", "tracing", "config-dump", "stats", "clusters"]

    init?(argument: String) {
      switch argument {
      case "policies": self = .policies
      case "tracing": self = .tracing
      case "config-dump": self = .configDump
      case "stats": self = .stats
      case "clusters": self = .clusters
      default: return nil
      }
    }
  }

  @Argument(help: ArgumentHelp("the proxy's name", valueName: "NAME"), completion: NameCompletion.of(.dataplane))
  var name: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("what to show: policies, tracing, config-dump, stats or clusters", valueName: "string"),
    completion: .list(Inspection.names))
  var type = "policies"

  @Flag(help: "the same as --type=config-dump, as older scripts have it")
  var configDump = false

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    if type == "config" {
      throw CommandFailure("--type=config is not supported; use --type=config-dump or --type=tracing")
    }
    if configDump { Console.notice("Flag --config-dump has been deprecated, use --type=config-dump") }
    guard let inspection = configDump ? .configDump : Inspection(argument: type) else {
      let hint = NearestName.find(type, among: Inspection.names).map { "; did you mean \($0)?" } ?? ""
      Console.warn(["--type=\(type) is not one of \(Inspection.names.joined(separator: ", "))\(hint)"])
      throw CommandFailure("invalid inspection type")
    }
    let format = try output.format
    let client = try Session(global).client()
    let key = ResourceKey(type: .dataplane, mesh: mesh.mesh, name: name)
    let path = "\(ControlPlaneClient.path(key))/\(inspection.rawValue)"
    switch inspection {
    case .policies:
      guard format == .table else {
        Console.write(format.text(try await client.send(.get, path)))
        return
      }
      Console.write(Self.text(policies: try await client.list(path).items))
    case .tracing:
      let explanation = try await client.send(.get, path)
      guard TracingReport.isReport(explanation) else {
        throw CommandFailure(
          "the answer to \(path) is not one about tracing; is a control plane of this version at the address?")
      }
      Console.write(
        format == .table
          ? TracingReport(explanation, now: Age.now).text : format.text(explanation, sortKeys: false))
    case .configDump:
      let dump = try await client.send(.get, path)
      Console.write((format == .table ? OutputFormat.json : format).text(dump))
    case .stats, .clusters: Console.write(try await client.text(path))
    }
  }

  /// A section for each attachment: its heading, then types and names of policies.
  private static func text(policies items: [DocumentValue]) -> String {
    items.map { item in
      let name = item["name"]?.string ?? ""
      let service = item["service"]?.string ?? ""
      let heading: String
      switch item["type"]?.string {
      case "inbound": heading = "INBOUND \(name)(\(service))"
      case "outbound": heading = "OUTBOUND \(name)(\(service))"
      case "service": heading = "SERVICE \(service.isEmpty ? name : service)"
      default: heading = "DATAPLANE"
      }
      var text = "\(heading):\n"
      for (type, policies) in (item["matchedPolicies"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
        text += "  \(type)\n"
        for policy in policies.array ?? [] { text += "    \(policy["name"]?.string ?? "")\n" }
      }
      return text + "\n"
    }.joined()
  }
}
