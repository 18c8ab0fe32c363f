import ArgumentParser
import CProcess
import MeshModel

/// The command line of the program that runs an Envoy beside an application.
@main
struct KumaDataplane: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kuma-dp",
    abstract: "Data plane proxy of the mesh: gets its configuration from the control plane and runs Envoy with it.",
    version: VersionStatement.line(of: "kuma-dp"),
    subcommands: [RunCommand.self, WaitCommand.self, VersionCommand.self])

  static func main() async {
    process_check_output_at_exit()
    await main(nil)
  }
}
