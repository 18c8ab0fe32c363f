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

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: CommandTree.globalSection) var global: GlobalOptions

  func run() async throws {
    let client = try Session(global).client()
    let path = ControlPlaneClient.path(ResourceKey(type: .trafficTrace, mesh: mesh.mesh, name: name))
    let list = try await client.list("\(path)/dataplanes")
    let names = list.items.compactMap { ($0["dataplane"] ?? $0["gateway"])?["name"]?.string }
    Console.write("Affected data plane proxies:\n\n" + names.map { "  \($0)\n" }.joined())
    // A control plane of Kuma has no such address; what it would say is additional.
    if let answer = try? await client.send(.get, "\(path)/_warnings") {
      Console.warn((answer["warnings"]?.array ?? []).compactMap(\.string))
    }
  }
}
