import ArgumentParser
import MeshModel
import TransparentProxy

struct InstallTransparentProxyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transparent-proxy", abstract: "Install Transparent Proxy pre-requisites on the host.",
    discussion: """
      Redirect the TCP connections of this machine, or of this network namespace, to a data plane proxy with rules of
      iptables. It must run as root. The rules of an earlier installation are replaced. `kumactl uninstall
      transparent-proxy` removes them all.

      The proxy runs as a user of its own, so that its own connections are told apart. Its Dataplane has the ports in
      networking.transparentProxying: redirectPortInbound 15006 and redirectPortOutbound 15001. All ports are redirected,
      that of SSH too; exclude those that must stay reachable while no proxy runs.

      Examples:
      kumactl install transparent-proxy --kuma-dp-user kuma-dp --exclude-inbound-ports 22
      kumactl install transparent-proxy --kuma-dp-uid 5678 --exclude-outbound-ports-for-uids tcp:53,3000-5000:106-108
      kumactl install transparent-proxy --kuma-dp-uid 5678 --dry-run
      """)

  @Flag(help: "print the rules and change nothing")
  var dryRun = false

  @Flag(help: "write the rules with the long names of options, and tell more")
  var verbose = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("redirect the connections of dualstack or only of ipv4", valueName: "string"),
    completion: .list(["dualstack", "ipv4"]))
  var ipFamilyMode = "dualstack"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "port of the proxy for outgoing connections: redirectPortOutbound of its Dataplane", valueName: "string"))
  var redirectOutboundPort = "15001"

  @Option(
    defaultAsFlag: "true", parsing: .next,
    help: ArgumentHelp(
      "redirect incoming connections (default true); give =false for a gateway", valueName: "bool[=true]"),
    completion: .list(["true", "false"]))
  var redirectInbound: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "port of the proxy for incoming connections: redirectPortInbound of its Dataplane", valueName: "string"))
  var redirectInboundPort = "15006"

  @Option(
    name: .customLong("redirect-inbound-port-v6"), parsing: .unconditional,
    help: ArgumentHelp(
      "deprecated, use --redirect-inbound-port or --ip-family-mode ipv4; that port for IPv6, 0 for no IPv6",
      valueName: "string"))
  var redirectInboundPortV6: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("ports of incoming connections that are not redirected, such as 22,443", valueName: "string"))
  var excludeInboundPorts = ""

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("ports of outgoing connections that are not redirected, such as 22,443", valueName: "string"))
  var excludeOutboundPorts = ""

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "outgoing connections of users that are not redirected, as protocol:ports:uids; protocol and ports may be left "
        + "out: tcp:53,3000-5000:106-108", valueName: "stringArray"))
  var excludeOutboundPortsForUids: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("deprecated, use --exclude-outbound-ports-for-uids tcp:ports:uids", valueName: "stringArray"))
  var excludeOutboundTcpPortsForUids: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("deprecated, use --exclude-outbound-ports-for-uids udp:ports:uids", valueName: "stringArray"))
  var excludeOutboundUdpPortsForUids: [String] = []

  @Option(parsing: .unconditional, help: ArgumentHelp("the user that runs kuma-dp", valueName: "string"))
  var kumaDpUser: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("the uid of the user that runs kuma-dp", valueName: "string"))
  var kumaDpUid: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("seconds that legacy iptables waits for its lock; 0 does not wait", valueName: "uint"))
  var wait: UInt = 5

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("microseconds between two attempts to take that lock", valueName: "uint"))
  var waitInterval: UInt = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("how often a failed installation is tried again", valueName: "int"))
  var maxRetries = 4

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("pause between two attempts of an installation", valueName: "duration"))
  var sleepBetweenRetries = "2s"

  @OptionGroup var refused: RefusedRedirection
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try refused.check()
    let settings: RedirectSettings
    let families: Set<IPFamily>
    let pause: Duration
    do throws(RedirectFlagError) {
      (settings, families) = try redirection()
      pause = try pauseBetweenAttempts()
    } catch {
      throw CommandFailure(error.description)
    }
    let installer = TransparentProxyInstaller(
      retries: maxRetries, pause: pause, wait: LockWait(seconds: wait, interval: waitInterval), isVerbose: verbose,
      report: RedirectionReport.print)
    do {
      if dryRun {
        try installer.show(settings, families: families)
      } else {
        Console.write(
          "# kumactl is about to apply the iptables rules that will enable transparent proxying on the machine. "
            + "The SSH connection may drop. If that happens, just reconnect again.\n")
        try await installer.install(settings, families: families)
        Console.write("# iptables set to diverge the traffic to Envoy.\n")
      }
    } catch {
      throw CommandFailure("failed to setup transparent proxy: \(error)")
    }
    Console.write("# Transparent proxy set up successfully, you can now run kuma-dp using transparent-proxy.\n")
  }
}

/// How the installer's reports appear.
enum RedirectionReport {
  @Sendable static func print(_ report: TransparentProxyInstaller.Report) {
    switch report {
    case .rules(let text): Console.write(text)
    case .remark(let text): Console.notice("# \(text.printableLines)")
    }
  }
}
