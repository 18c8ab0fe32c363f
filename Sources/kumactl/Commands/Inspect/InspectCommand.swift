import ArgumentParser

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Inspect Kuma resources.",
    subcommands: [
      InspectDataplaneCommand.self, InspectDataplanesCommand.self, InspectMeshesCommand.self,
      InspectServicesCommand.self, InspectTrafficTraceCommand.self,
    ])
}
