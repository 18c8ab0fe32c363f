import ArgumentParser
import MeshModel

struct GetTrafficTraceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "traffic-trace", abstract: "Show a single TrafficTrace resource.",
    discussion: """
      Show a single TrafficTrace resource.

      Examples:
      kumactl get traffic-trace all
      kumactl get traffic-trace all -o yaml
      """)

  @Argument(help: ArgumentHelp("the resource's name", valueName: "NAME"), completion: NameCompletion.of(.trafficTrace))
  var name: String

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try await ResourceReading<TrafficTraceRow>(global: global, output: output, mesh: mesh.mesh).one(name)
  }
}
