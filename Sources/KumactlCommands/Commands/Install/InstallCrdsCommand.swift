import ArgumentParser

struct InstallCrdsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crds", abstract: "Install Kuma Custom Resource Definitions to Kubernetes.",
    discussion: """
      Print the custom resource definitions of Mesh, TrafficTrace, Dataplane and DataplaneInsight. The cluster itself is
      not touched. Those of an installed Kuma 2.7 are replaced, and all resources are kept.

      Examples:
      kumactl install crds | kubectl apply -f -
      """)

  @Flag(help: "accepted for scripts of Kuma's and not used: applying a definition again changes nothing")
  var onlyMissing = false

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws { Console.write(EmbeddedChart.customResources.joined(separator: "---\n")) }
}
