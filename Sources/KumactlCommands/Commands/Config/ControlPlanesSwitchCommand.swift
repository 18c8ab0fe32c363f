import ArgumentParser

struct ControlPlanesSwitchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "switch", abstract: "Switch active Control Plane.",
    discussion: """
      Switch active Control Plane.

      Examples:
      kumactl config control-planes switch --name local
      """)

  @Option(
    parsing: .unconditional, help: ArgumentHelp("reference name for the Control Plane", valueName: "string"),
    completion: NameCompletion.ofControlPlanes)
  var name: String

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    var file = try Session(global).configurationFile()
    try file.change { configuration in
      guard configuration.activate(name) else {
        throw CommandFailure("there is no Control Plane with name \"\(name)\"")
      }
    }
    Console.write("switched active Control Plane to \"\(name)\"\n")
  }
}
