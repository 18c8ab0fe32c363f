import ArgumentParser

struct GetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Show Kuma resources.",
    subcommands: [
      GetDataplaneCommand.self, GetDataplanesCommand.self, GetMeshCommand.self, GetMeshesCommand.self,
      GetTrafficTraceCommand.self, GetTrafficTracesCommand.self,
    ])
}
