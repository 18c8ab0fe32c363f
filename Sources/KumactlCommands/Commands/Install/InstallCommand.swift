import ArgumentParser

struct InstallCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Install various Kuma components.",
    discussion: """
      Install various Kuma components.

      Examples:
      kumactl install control-plane | kubectl apply -f -
      kumactl install tracing | kubectl apply -f -
      kumactl install transparent-proxy --kuma-dp-user kuma-dp
      """,
    subcommands: [
      InstallControlPlaneCommand.self, InstallCrdsCommand.self, InstallDemoCommand.self,
      InstallObservabilityCommand.self, InstallTracingCommand.self, InstallTransparentProxyCommand.self,
    ])
}
