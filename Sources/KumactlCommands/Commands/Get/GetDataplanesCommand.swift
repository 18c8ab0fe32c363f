import ArgumentParser

struct GetDataplanesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dataplanes", abstract: "Show Dataplane entities.",
    discussion: """
      Show Dataplane entities.

      Examples:
      kumactl get dataplanes
      kumactl get dataplanes --size 10 -o json
      """)

  @OptionGroup var mesh: MeshOptions
  @OptionGroup var paging: PagingOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try await ResourceReading<DataplaneRow>(global: global, output: output, mesh: mesh.mesh).list(paging)
  }
}
