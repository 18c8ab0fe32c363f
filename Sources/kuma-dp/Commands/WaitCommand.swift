import ArgumentParser
import Glibc
import MeshClient
import MeshModel
import SystemErrors

/// `kuma-dp wait`: the hook after the start of a sidecar, so that the application starts behind a proxy that serves. Source of the
/// options and their defaults: Kuma 2.7.
struct WaitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", abstract: "Wait until a proxy is ready.",
    discussion: "Ends with 0 when Envoy is ready, and with 1 when it is not ready in time.")

  @Option(help: ArgumentHelp("Where Envoy says whether it is ready.", valueName: "url"))
  var url = "http://localhost:9901/ready"

  @Option(help: ArgumentHelp("How long to wait.", valueName: "duration"))
  var timeout = WaitTime(.seconds(180))

  @Option(help: ArgumentHelp("How often to ask.", valueName: "duration"))
  var checkFrequency = WaitTime(.seconds(1))

  @Option(help: ArgumentHelp("How long an answer may take.", valueName: "duration"))
  var requestTimeout = WaitTime(.milliseconds(500))

  func run() async throws {
    let address: ControlPlaneAddress
    do {
      address = try ControlPlaneAddress(url)
    } catch {
      throw ValidationError("--url: \"\(url)\" is not an address such as http://localhost:9901/ready: \(error.reason)")
    }
    signal(SIGPIPE, SIG_IGN)
    ControlPlaneClient.useOneThread()
    let readiness = Readiness(address: address, requestTime: requestTimeout.duration, pause: checkFrequency.duration)
    tell("waiting for the proxy at \(address), \(timeout.duration.words) at most")
    guard let obstacle = await readiness.wait(atMost: timeout.duration) else { return tell("the proxy is ready") }
    tell("Error: the proxy at \(address) is not ready after \(timeout.duration.words): \(obstacle)")
    throw ExitCode(1)
  }

  private func tell(_ line: String) { FileAccess.write("\(line.printable)\n".utf8, to: STDERR_FILENO) }
}

/// A time above 0 on the command line.
struct WaitTime: ExpressibleByArgument {
  let duration: Duration

  init(_ duration: Duration) { self.duration = duration }

  init?(argument: String) {
    guard let duration = Duration(goText: argument), duration > .zero else { return nil }
    self.duration = duration
  }

  var defaultValueDescription: String { duration.words }
}
