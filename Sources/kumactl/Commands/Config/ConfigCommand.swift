import ArgumentParser

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Manage kumactl config.",
    subcommands: [ConfigControlPlanesCommand.self, ConfigViewCommand.self])
}
