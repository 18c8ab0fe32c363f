import ArgumentParser
import Hummingbird
import Logging
import NIOCore

/// `kuma-demo service`: one of the demo's services, a process of its own.
struct ServiceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "service", abstract: "Run one of the demo's services.",
    discussion: """
      An HTTP service that calls others for each request, and copies the trace headers to these calls. It answers \
      /health at once.

      Examples:
      kuma-demo service --name catalogue --port 8080
      kuma-demo service --name storefront --address 0.0.0.0 --port 8080 --call catalogue=http://catalogue
      """)

  @Option(help: "The service's name.")
  var name: String

  @Option(help: ArgumentHelp("The address to listen on.", valueName: "ip"))
  var address = "127.0.0.1"

  @Option(help: "The port to listen on.")
  var port: Int

  @Option(
    name: .customLong("call"),
    help: ArgumentHelp(
      "A service that is called for every request, and its URL, or the port at which the proxy takes requests for it.",
      valueName: "name=url|port"))
  var calls: [ShopService.Call] = []

  @Option(help: ArgumentHelp("Fail one of so many requests.", valueName: "count"))
  var failEvery: Int?

  @Option(help: ArgumentHelp("About how long a request is worked on.", valueName: "milliseconds"))
  var work = 5

  func validate() throws {
    guard (1...65535).contains(port) else { throw ValidationError("--port has to be from 1 to 65535") }
    guard failEvery ?? 1 > 0 else { throw ValidationError("--fail-every has to be above 0") }
    guard (0...10_000).contains(work) else { throw ValidationError("--work has to be from 0 to 10000") }
  }

  func run() async throws {
    // A small service needs no more, and there are several.
    NIOSingletons.groupLoopCountSuggestion = 1
    let service = ShopService(
      name: name, calls: calls, failsEvery: failEvery,
      workMilliseconds: work)
    var logger = Logger(label: name)
    logger.logLevel = .notice
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in try await service.respond(to: request) },
      configuration: ApplicationConfiguration(address: .hostname(address, port: port)), logger: logger)
    try await application.runService()
  }
}

extension ShopService.Call: ExpressibleByArgument {
  /// The service and where it is called, such as `catalogue=http://catalogue` or `catalogue=10001`.
  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else { return nil }
    name = String(parts[0])
    if let port = UInt16(parts[1]) {
      url = "http://127.0.0.1:\(port)/"
      host = "\(name).mesh"
    } else {
      guard parts[1].hasPrefix("http://"), parts[1].count > 7 else { return nil }
      url = String(parts[1])
    }
  }
}
