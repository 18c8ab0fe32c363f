import ArgumentParser
import MeshClient
import MeshModel

struct InspectTrafficTraceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "traffic-trace", abstract: "Inspect TrafficTrace.",
    discussion: """
      Inspect TrafficTrace.

      Examples:
      kumactl inspect traffic-trace all
      """)

  @Argument(help: ArgumentHelp("the policy's name", valueName: "NAME"))
  var name: String

  @Flag(help: "print the proxies that any selector matches, whether the policy applies to them or not")
  var newApi = false

  @Option(parsing: .unconditional, help: ArgumentHelp("where the list of --new-api begins", valueName: "int"))
  var offset = 0

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: CommandTree.globalSection) var output: OutputOptions
  @OptionGroup(title: CommandTree.globalSection) var global: GlobalOptions

  func run() async throws {
    let client = try Session(global).client()
    let path = ControlPlaneClient.path(ResourceKey(type: .trafficTrace, mesh: mesh.mesh, name: name))
    guard !newApi else {
      let format = try output.format
      let page = PageRequest(offset: offset == 0 ? nil : String(offset))
      let list = try await client.list("\(path)/_resources/dataplanes", page: page)
      guard format == .table else { return Console.write(format.text(list: list.items, total: list.total)) }
      return Console.write(Table(rows: list.items.map(MatchedProxyRow.init)).text + "\nTotal: \(list.total)\n")
    }
    let list = try await client.list("\(path)/dataplanes")
    let names = list.items.compactMap { ($0["dataplane"] ?? $0["gateway"])?["name"]?.string }
    Console.write("Affected data plane proxies:\n\n" + names.map { "  \($0)\n" }.joined())
    // A control plane of Kuma has no such address; what it would say is additional.
    if let answer = try? await client.send(.get, "\(path)/_warnings") {
      Console.warn((answer["warnings"]?.array ?? []).compactMap(\.string))
    }
  }

  private struct MatchedProxyRow: TableRow {
    static let headers = ["TYPE", "MESH", "NAME"]
    let cells: [String]

    init(_ item: DocumentValue) { cells = ["type", "mesh", "name"].map { item[$0]?.string ?? "" } }
  }
}
