import ArgumentParser

struct InstallCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Install various Kuma components.",
    subcommands: [InstallObservabilityCommand.self, InstallTracingCommand.self])
}
