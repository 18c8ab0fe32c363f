import ArgumentParser

struct GetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Show Kuma resources.",
    discussion: """
      Show Kuma resources.

      Examples:
      kumactl get meshes
      kumactl get traffic-trace all -o yaml
      """,
    subcommands: [
      GetDataplaneCommand.self, GetDataplanesCommand.self, GetGlobalSecretCommand.self, GetGlobalSecretsCommand.self,
      GetMeshCommand.self, GetMeshesCommand.self, GetSecretCommand.self, GetSecretsCommand.self,
      GetTrafficTraceCommand.self, GetTrafficTracesCommand.self,
    ])
}
