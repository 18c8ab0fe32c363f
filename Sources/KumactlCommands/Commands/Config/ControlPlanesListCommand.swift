import ArgumentParser

struct ControlPlanesListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List known Control Planes.",
    discussion: """
      List known Control Planes; a star marks the one in use.

      Examples:
      kumactl config control-planes list
      """)

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    let configuration = try Session(global).configurationFile().configuration
    let active = configuration.active?.name
    Console.write(Table(rows: configuration.controlPlanes.map { Row($0, isActive: $0.name == active) }).text)
  }

  private struct Row: TableRow {
    static let headers = ["ACTIVE", "NAME", "ADDRESS"]
    let cells: [String]

    init(_ controlPlane: KumactlConfiguration.ControlPlane, isActive: Bool) {
      cells = [isActive ? "*" : "", controlPlane.name, controlPlane.url]
    }
  }
}
