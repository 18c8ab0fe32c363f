import ArgumentParser
import MeshModel

/// `kuma-dp version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

  @Flag(name: [.customShort("a"), .long], help: "Print all details of the build.")
  var detailed = false

  func run() {
    print(detailed ? VersionStatement.details(of: "kuma-dp") : VersionStatement.line(of: "kuma-dp"))
  }
}
