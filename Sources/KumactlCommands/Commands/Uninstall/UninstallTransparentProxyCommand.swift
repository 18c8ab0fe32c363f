import ArgumentParser
import TransparentProxy

struct UninstallTransparentProxyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transparent-proxy", abstract: "Uninstall Transparent Proxy pre-requisites on the host.",
    discussion: """
      Remove the rules of `kumactl install transparent-proxy` from this machine, or from this network namespace: those
      for IPv4 and IPv6, of both back ends of iptables. Other rules are kept. It must run as root.

      Examples:
      kumactl uninstall transparent-proxy
      kumactl uninstall transparent-proxy --dry-run
      """)

  @Flag(help: "print what would be removed and change nothing")
  var dryRun = false

  @Flag(help: "accepted for scripts of Kuma's: what is removed is always printed")
  var verbose = false

  @Flag(help: "refused: there is no eBPF")
  var ebpfEnabled = false

  @Option(parsing: .unconditional, help: ArgumentHelp("refused: there is no eBPF", valueName: "string"))
  var ebpfBpffsPath: String?

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    guard !ebpfEnabled, ebpfBpffsPath == nil else {
      throw CommandFailure(
        "flags that begin with --ebpf are not supported: connections are redirected with iptables; leave the flags out")
    }
    let isFound: Bool
    do {
      isFound = try await TransparentProxyInstaller(report: RedirectionReport.print).uninstall(isDry: dryRun)
    } catch {
      throw CommandFailure("transparent proxy cleanup failed: \(error)")
    }
    if !isFound { Console.notice("# there are no rules of a transparent proxy") }
    if !dryRun { Console.write("Transparent proxy cleaned up successfully\n") }
  }
}
