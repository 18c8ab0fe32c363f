import ArgumentParser

struct GetMeshesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "meshes", abstract: "Show Mesh entities.",
    discussion: """
      Show Mesh entities.

      Examples:
      kumactl get meshes
      kumactl get meshes --size 10 -o json
      """)

  @OptionGroup var paging: PagingOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try await ResourceReading<MeshRow>(global: global, output: output).list(paging)
  }
}
