import ArgumentParser

struct ConfigControlPlanesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "control-planes", abstract: "Manage known Control Planes.",
    subcommands: [
      ControlPlanesAddCommand.self, ControlPlanesListCommand.self, ControlPlanesRemoveCommand.self,
      ControlPlanesSwitchCommand.self,
    ])
}
