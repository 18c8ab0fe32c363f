import ArgumentParser

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Inspect Kuma resources.",
    discussion: """
      Inspect Kuma resources.

      Examples:
      kumactl inspect dataplanes
      kumactl inspect dataplane web-1 --type=tracing
      kumactl inspect dataplanes --type=tracing --not-traced
      kumactl inspect senders
      """,
    subcommands: [
      InspectDataplaneCommand.self, InspectDataplanesCommand.self, InspectMeshesCommand.self,
      InspectSendersCommand.self, InspectServicesCommand.self, InspectTrafficTraceCommand.self,
    ])
}
