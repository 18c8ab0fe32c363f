import ArgumentParser

struct GetTrafficTracesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "traffic-traces", abstract: "Show TrafficTrace entities.",
    discussion: """
      Show TrafficTrace entities.

      Examples:
      kumactl get traffic-traces
      kumactl get traffic-traces --size 10 -o json
      """)

  @OptionGroup var mesh: MeshOptions
  @OptionGroup var paging: PagingOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try await ResourceReading<TrafficTraceRow>(global: global, output: output, mesh: mesh.mesh).list(paging)
  }
}
