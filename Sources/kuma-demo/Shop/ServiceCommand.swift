import ArgumentParser
import Hummingbird
import Logging
import NIOCore

/// `kuma-demo service`: one of the demo's services, a process of its own.
struct ServiceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "service", abstract: "Run one of the demo's services.", shouldDisplay: false)

  @Option(help: "The service's name.")
  var name: String

  @Option(help: "The port of 127.0.0.1 to listen on.")
  var port: Int

  @Option(
    name: .customLong("call"),
    help: ArgumentHelp(
      "A service that is called for every request, and the port at which its proxy takes that.",
      valueName: "name=port"))
  var calls: [Call] = []

  @Option(help: ArgumentHelp("Fail one of so many requests.", valueName: "count"))
  var failEvery: Int?

  @Option(help: ArgumentHelp("About how long a request is worked on.", valueName: "milliseconds"))
  var work = 5

  /// A service that is called.
  struct Call: ExpressibleByArgument {
    var name: String
    var port: Int

    init?(argument: String) {
      let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, let port = UInt16(parts[1]) else { return nil }
      self.name = String(parts[0])
      self.port = Int(port)
    }
  }

  func validate() throws {
    guard (1...65535).contains(port) else { throw ValidationError("--port has to be from 1 to 65535") }
    guard failEvery ?? 1 > 0 else { throw ValidationError("--fail-every has to be above 0") }
    guard (0...10_000).contains(work) else { throw ValidationError("--work has to be from 0 to 10000") }
  }

  func run() async throws {
    // A small service needs no more, and there are several.
    NIOSingletons.groupLoopCountSuggestion = 1
    let service = ShopService(
      name: name, calls: calls.map { ($0.name, "http://127.0.0.1:\($0.port)/") }, failsEvery: failEvery,
      workMilliseconds: work)
    var logger = Logger(label: name)
    logger.logLevel = .notice
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in try await service.respond(to: request) },
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)), logger: logger)
    try await application.runService()
  }
}
