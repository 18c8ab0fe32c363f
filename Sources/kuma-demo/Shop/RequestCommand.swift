import ArgumentParser

/// `kuma-demo request`: sends requests to one of the demo's services and shows who answered.
struct RequestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "request", abstract: "Send requests to one of the demo's services.",
    discussion: """
      Prints a line for each request: the status, the trace that the service was told of, and the services that answered. \
      A service that is not there yet is asked again for a minute. Failures that are part of the demo are no errors.

      Example:
      kuma-demo request http://storefront --count 10
      """)

  @Argument(help: ArgumentHelp("The address of the service.", valueName: "url"))
  var url: String

  @Option(help: ArgumentHelp("How many requests are sent, one after the other.", valueName: "count"))
  var count = 1

  func validate() throws {
    guard url.hasPrefix("http://") else { throw ValidationError("the URL has to begin with http://") }
    guard (1...100_000).contains(count) else { throw ValidationError("--count has to be from 1 to 100000") }
  }

  func run() async throws {
    var isFine = true
    for _ in 0..<count {
      let answer = try await answer()
      let shop = answer.decoded(ShopAnswer.self)
      print("\(answer.status) \(shop?.traceId ?? "without a trace") \(shop?.whoAnswered ?? answer.text)")
      if answer.status != 200, shop?.failedOnPurpose != true { isFine = false }
    }
    if !isFine { throw ExitCode.failure }
  }

  /// The answer to a request, also of a service that is not there yet.
  private func answer() async throws -> ServiceClient.Answer {
    let end = ContinuousClock.now + .seconds(60)
    while true {
      do {
        return try await ServiceClient().get(url)
      } catch {
        guard ContinuousClock.now < end else { throw DemoFailure("\(url) did not answer within 60 s: \(error)") }
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }
}

extension ShopAnswer {
  /// The services that answered, each with those that it called, such as `storefront (catalogue, checkout (payments))`.
  var whoAnswered: String {
    calls.isEmpty ? service : "\(service) (\(calls.map(\.whoAnswered).joined(separator: ", ")))"
  }
}
