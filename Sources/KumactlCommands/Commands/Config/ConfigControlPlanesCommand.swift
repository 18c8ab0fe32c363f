import ArgumentParser

struct ConfigControlPlanesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "control-planes", abstract: "Manage known Control Planes.",
    discussion: """
      Manage known Control Planes.

      Examples:
      kumactl config control-planes list
      kumactl config control-planes switch --name staging
      """,
    subcommands: [
      ControlPlanesAddCommand.self, ControlPlanesListCommand.self, ControlPlanesRemoveCommand.self,
      ControlPlanesSwitchCommand.self,
    ])
}
