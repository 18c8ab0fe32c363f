import ArgumentParser

struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Generate resources, tokens, etc.",
    discussion: """
      Generate resources, tokens, etc.

      Examples:
      kumactl generate traffic-trace --name all --backend jaeger | kumactl apply -f -
      """,
    subcommands: [GenerateTrafficTraceCommand.self])
}
