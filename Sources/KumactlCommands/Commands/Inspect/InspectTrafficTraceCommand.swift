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

  @Argument(help: ArgumentHelp("the policy's name", valueName: "NAME"), completion: NameCompletion.of(.trafficTrace))
  var name: String

  @Flag(help: "print the proxies that any selector matches, whether the policy applies to them or not")
  var newApi = false

  @Option(parsing: .unconditional, help: ArgumentHelp("where the list of --new-api begins", valueName: "int"))
  var offset = 0

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

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
    if names.isEmpty { await warnIfAbsent(path, client) }
    // Kuma's control planes do not have this path; the warnings are an addition.
    if let answer = try? await client.send(.get, "\(path)/_warnings") {
      Console.warn((answer["warnings"]?.array ?? []).compactMap(\.string))
    }
  }

  /// Warns if the policy does not exist, because its list is as empty as that of a policy without proxies.
  private func warnIfAbsent(_ path: String, _ client: ControlPlaneClient) async {
    do {
      _ = try await client.send(.get, path)
    } catch {
      guard error.code == .notFound else { return }
      let others = try? await client.list(
        ControlPlaneClient.path(.trafficTrace, mesh: mesh.mesh), page: PageRequest(size: 1000))
      let nearest = NearestName.find(name, among: (others?.items ?? []).compactMap { $0["name"]?.string })
      let hint =
        nearest.map { "; did you mean \($0.quoted)?" } ?? "; `kumactl get traffic-traces` lists those that there are"
      Console.warn(["mesh \(mesh.mesh.quoted) has no TrafficTrace \(name.quoted)\(hint)"])
    }
  }

  private struct MatchedProxyRow: TableRow {
    static let headers = ["TYPE", "MESH", "NAME"]
    let cells: [String]

    init(_ item: DocumentValue) { cells = ["type", "mesh", "name"].map { item[$0]?.string ?? "" } }
  }
}
