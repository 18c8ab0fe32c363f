import ArgumentParser

struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Generate resources, tokens, etc.",
    subcommands: [GenerateTrafficTraceCommand.self])
}
