import ArgumentParser
import CProcess
import ProcessSupervisor

/// The demo's command line.
@main
struct KumaDemo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kuma-demo",
    abstract: "Shows a trace through four services and four real Envoys, from two documents to a tree of spans.",
    usage: "kuma-demo [<options>]",
    discussion: """
      Starts a control plane with its trace collector, four small HTTP services and an Envoy beside each; applies the \
      two documents of the TrafficTrace policy's documentation; sends requests; and draws the first trace. Every tick \
      stands for something that has been seen to happen.

      It goes on until Ctrl-C, which ends everything and removes all files; a second Ctrl-C does not wait. With \
      --headless it ends by itself, writes a summary in JSON to standard output and everything else to standard error, \
      and succeeds only if one tree of spans holds both sides of every call between the four services, and no service is \
      named as breaking traces.

      With --break one of the services stops forwarding the trace headers after the first trace, and the collector, which \
      sees what goes in and out of each service, has to name it. While the demo goes on, GET /break and /mend at the \
      service's own port do the same.

      With --kubernetes the same services run as pods: an API server of Kubernetes with the control plane in cluster mode, \
      four pods into which the control plane has put a proxy each, in network namespaces with rules of iptables, and the \
      two documents applied with kubectl. It needs the rights of root and iptables; nothing of the machine is changed.

      Control plane, collector and page take their usual ports (5681, 5678, 5680, 9411, 4318, 4317) where these are free. Envoy is \
      --envoy, the variable ENVOY, the envoy of PATH, or that of .venv, whichever is there first.
      """,
    subcommands: [ServiceCommand.self, RequestCommand.self])

  static func main() async {
    process_check_output_at_exit()
    await main(nil)
  }

  @Flag(
    help: ArgumentHelp(
      "Run everything as on Kubernetes: a real API server, and pods with proxies in network namespaces. Needs root."))
  var kubernetes = false

  @Flag(help: "End after the first trace, with a summary in JSON on standard output.")
  var headless = false

  @Option(
    help: ArgumentHelp(
      "How many requests are sent before the first trace is drawn; those after the first 100 eight at a time.",
      valueName: "count"))
  var requests = 12

  @Option(help: ArgumentHelp("Requests per second afterwards.", valueName: "number"))
  var rate = 5.0

  @Option(
    name: .customLong("break"),
    help: ArgumentHelp(
      "Let a service stop forwarding the trace headers: storefront or checkout.", valueName: "service"),
    completion: .list(DemoPlan.callers))
  var broken: String?

  @Option(help: ArgumentHelp("The Envoy to use.", valueName: "file"), completion: .file())
  var envoy: String?

  @Flag(help: "Take any free ports, not the usual ones.")
  var freePorts = false

  @Flag(help: "Keep the folder with the logs and documents.")
  var keep = false

  func validate() throws {
    guard (1...100_000).contains(requests) else {
      throw ValidationError("--requests has to be from 1 to 100000")
    }
    if let broken, !DemoPlan.callers.contains(broken) {
      throw ValidationError(
        "--break has to name a service that calls others: \(DemoPlan.callers.joined(separator: " or "))")
    }
    if kubernetes, broken != nil { throw ValidationError("--break is not there with --kubernetes") }
    guard rate > 0, rate <= 100 else { throw ValidationError("--rate has to be above 0 and at most 100") }
  }

  func run() async throws {
    let options = DemoOptions(
      isOnKubernetes: kubernetes, isHeadless: headless, requests: requests, rate: rate, broken: broken, envoy: envoy,
      usesUsualPorts: !freePorts,
      keepsFolder: keep)
    let code = await DemoSession.run(options)
    if code != 0 { throw ExitCode(code) }
  }
}
