import ArgumentParser

struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Generate resources, tokens, etc.",
    discussion: """
      Generate resources, tokens, etc.

      Examples:
      kumactl generate traffic-trace --name all --backend jaeger | kumactl apply -f -
      kumactl generate dataplane --name web-1 --address 192.0.2.3 --service web --port 10080 --service-port 8080
      kumactl generate dataplane-token --mesh demo --name demo-01 --valid-for 24h
      """,
    subcommands: [
      GenerateDataplaneCommand.self, GenerateDataplaneTokenCommand.self, GeneratePublicKeyCommand.self,
      GenerateSigningKeyCommand.self, GenerateTrafficTraceCommand.self, GenerateUserTokenCommand.self,
    ])
}
