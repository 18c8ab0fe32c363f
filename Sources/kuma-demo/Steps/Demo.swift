import ProcessSupervisor

/// A demo: steps of which each is reported when its effect has been observed.
protocol Demo: AnyObject, Sendable {
  var options: DemoOptions { get }
  var narrator: Narrator { get }
  var folder: DemoFolder { get }
  var fleet: Fleet { get }
  var notes: SummaryNotes { get }
  var client: ServiceClient { get }
  /// How long programs of one kind may take to end.
  var grace: Duration { get }

  /// Goes through the steps; without `--headless` until it is cancelled.
  ///
  /// - Throws: ``DemoFailure``, or `CancellationError`.
  func run() async throws

  /// Ends what is not a program of the fleet. Called once the steps have ended, in whatever way.
  func end() async
}

extension Demo {
  func end() async {}

  /// What is known so far.
  var summary: DemoSummary { notes.summary }

  /// Notes something for the summary.
  func note(_ change: @Sendable (inout DemoSummary) -> Void) { notes.note(change) }

  /// Finds the programs, and makes sure that Envoy runs.
  func findPrograms() async throws -> Programs {
    let (programs, _) = try await narrator.step(
      "looking for Envoy", done: { (found: (Programs, String)) in "Envoy found: \(found.1)" }
    ) {
      let programs = try Programs(envoy: options.envoy)
      let outcome = try await fleet.run(programs.envoy, ["--version"])
      guard outcome.status.isSuccess else {
        throw DemoFailure("\(programs.envoy) --version \(outcome.status): \(outcome.errors.last ?? "it said nothing")")
      }
      return (programs, Programs.shown(programs.envoy))
    }
    return programs
  }

  /// Asks until there is an answer, as long as all programs run.
  ///
  /// - Parameters:
  ///   - failure: what is said when it takes too long.
  ///   - program: whose log tells more.
  /// - Throws: ``DemoFailure``, `CancellationError`, or what the question throws.
  func wait<Value: Sendable>(
    _ failure: String, about program: String?, within limit: Duration = .seconds(30),
    every interval: Duration = .milliseconds(20), isolation: isolated (any Actor)? = #isolation,
    _ question: () async throws -> Value?
  ) async throws -> Value {
    let end = ContinuousClock.now + limit
    while true {
      if let value = try await question() { return value }
      try fleet.check()
      guard ContinuousClock.now < end else {
        throw DemoFailure("\(failure) within \(limit.components.seconds) s", program: program)
      }
      try await Task.sleep(for: interval)
    }
  }

  /// Waits until one of the traces is whole.
  ///
  /// - Parameters:
  ///   - traces: asked for again and again; the first ones are looked at first.
  ///   - collectorURL: where the collector answers.
  ///   - services: what a whole trace holds.
  func awaitTrace(
    in collectorURL: String, of services: [TracedService], among traces: () async throws -> [String]
  ) async throws -> TraceTree {
    var missing = ["everything"]
    let tree = try await narrator.step(
      "waiting for spans, which Envoys send every second",
      done: { (tree: TraceTree) in
        "the first trace is whole: \(tree.nodes.count) spans of \(services.count) services"
      }
    ) {
      do {
        return try await wait("no trace became whole", about: "kuma-cp", every: .milliseconds(50)) {
          for trace in try await traces() {
            guard
              let tree = try await client.attempt("\(collectorURL)/api/trees/\(trace)")?.decoded(TraceTree.self)
            else { continue }
            missing = tree.missing(for: services)
            if missing.isEmpty { return tree }
          }
          return nil
        }
      } catch var failure as DemoFailure {
        if failure.program == "kuma-cp" { failure.description += "; missing: \(missing.joined(separator: ", "))" }
        throw failure
      }
    }
    note { summary in
      summary.traceId = tree.traceId
      summary.spans = tree.nodes.count
      summary.clientSpans = tree.count("CLIENT")
      summary.serverSpans = tree.count("SERVER")
      summary.secondsToFirstTrace = self.notes.secondsSinceStart
    }
    return tree
  }

  /// Sends a request from time to time until it is cancelled or the output is closed.
  ///
  /// - Parameter send: sends the request of a number, from 1 on; the trace is `nil` when it was not traced.
  func keepSending(_ send: (_ number: Int) async throws -> (isSuccess: Bool, trace: String?)) async throws {
    let interval = Duration.seconds(1 / options.rate)
    var (sent, failed) = (0, 0)
    let style = narrator.style
    narrator.say("  \(style.text("Requests go on until Ctrl-C, which leaves nothing behind.", .quiet))")
    while !narrator.isGone {
      do {
        try fleet.check()
      } catch {
        narrator.say("  \(style.text("✗", .bad)) a program has ended that should run on")
        throw error
      }
      let (isSuccess, trace) = try await send(sent + 1)
      sent += 1
      if !isSuccess { failed += 1 }
      let last = trace.map { "last trace \($0)" } ?? "the last one was not traced"
      narrator.passing(
        "  \(style.text("●", .good)) \(sent) more \(sent == 1 ? "request" : "requests"), \(failed) failed · \(last)")
      try await Task.sleep(for: interval)
    }
  }

  /// Draws a trace.
  func draw(_ tree: TraceTree, of services: [TracedService]) {
    let style = narrator.style
    narrator.say("", "  \(style.text("Trace \(tree.traceId)", .strong))", "")
    for line in TraceDrawing(tree, services: services.map(\.name), style: style).lines { narrator.say(line) }
  }
}
