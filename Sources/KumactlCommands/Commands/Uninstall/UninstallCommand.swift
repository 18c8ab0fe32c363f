import ArgumentParser

struct UninstallCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "uninstall", abstract: "Uninstall various Kuma components.",
    discussion: """
      Uninstall various Kuma components.

      Examples:
      kumactl uninstall transparent-proxy
      """,
    subcommands: [UninstallTransparentProxyCommand.self])
}
