import ArgumentParser

/// The root of the commands.
struct Kumactl: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kumactl", abstract: "Management tool for Kuma.",
    discussion: """
      Management tool for Kuma.

      Examples:
      kumactl apply -f resources.yaml
      kumactl inspect dataplanes
      kumactl doctor
      """,
    subcommands: [
      ApplyCommand.self, CompletionCommand.self, ConfigCommand.self, DeleteCommand.self, DoctorCommand.self,
      ExportCommand.self,
      GenerateCommand.self, GetCommand.self, InspectCommand.self, InstallCommand.self, TracesCommand.self,
      UninstallCommand.self, VersionCommand.self,
    ])
}
