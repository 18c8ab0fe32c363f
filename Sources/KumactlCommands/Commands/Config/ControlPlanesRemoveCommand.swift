import ArgumentParser

struct ControlPlanesRemoveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove a Control Plane.",
    discussion: """
      Remove a Control Plane. When it was the active one, the first that remains becomes it.

      Examples:
      kumactl config control-planes remove --name test
      """)

  @Option(
    parsing: .unconditional, help: ArgumentHelp("reference name for the Control Plane", valueName: "string"),
    completion: NameCompletion.ofControlPlanes)
  var name: String

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    var file = try Session(global).configurationFile()
    var before: String?
    try file.change { configuration in
      before = configuration.active?.name
      guard configuration.remove(name) else {
        throw CommandFailure("there is no Control Plane with name \"\(name)\"")
      }
    }
    Console.write("removed Control Plane \"\(name)\"\n")
    if let active = file.configuration.active?.name, active != before {
      Console.write("switched active Control Plane to \"\(active)\"\n")
    }
  }
}
