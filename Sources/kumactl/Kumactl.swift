import ArgumentParser

/// The root of the commands.
struct Kumactl: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kumactl", abstract: "Management tool for Kuma.",
    subcommands: [
      ApplyCommand.self, CompletionCommand.self, ConfigCommand.self, DeleteCommand.self, ExportCommand.self,
      GenerateCommand.self, GetCommand.self, InspectCommand.self, InstallCommand.self, VersionCommand.self,
    ])
}
