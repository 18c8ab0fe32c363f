import ArgumentParser

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Manage kumactl config.",
    discussion: """
      Manage kumactl config.

      Examples:
      kumactl config view
      kumactl config control-planes add --name local --address http://localhost:5681
      """,
    subcommands: [ConfigControlPlanesCommand.self, ConfigViewCommand.self])
}
