extension DemoRun {
  /// Says where to look and what to try.
  func showNextCommands(_ kumactl: Kumactl, _ plan: DemoPlan, _ tree: TraceTree) {
    let style = narrator.style
    narrator.say(
      "", "  Page        \(style.text(plan.pageURL, .accent))",
      "  This trace  \(style.text("\(plan.pageURL)traces/\(tree.traceId)", .accent))",
      "  Storefront  \(style.text("curl \(plan.entryURL)", .accent))", "",
      "  \(style.text("To try in another terminal:", .quiet))", "",
      "    \(kumactl.alias)", "    kumactl inspect dataplanes", "    kumactl get traffic-traces",
      "    kumactl delete traffic-trace trace-all-traffic   \(style.text("# ends tracing", .quiet))",
      "    \(kumactl.applyCommand("traffic-trace.yaml"))", "")
  }

  /// Sends a request now and then until it is cancelled or nobody reads any more.
  func goOn(_ plan: DemoPlan) async throws {
    let interval = Duration.seconds(1 / options.rate)
    var sent = 0
    var failed = 0
    let style = narrator.style
    narrator.say("  \(style.text("Requests go on until Ctrl-C, which leaves nothing behind.", .quiet))")
    while !narrator.isGone {
      do {
        try fleet.check()
      } catch {
        narrator.say("  \(style.text("✗", .bad)) a program has ended that should run on")
        throw error
      }
      let answer = try await send(plan)
      sent += 1
      if answer?.status != 200 { failed += 1 }
      let last = answer?.answer.traceId.map { "last trace \($0)" } ?? "the last one was not traced"
      narrator.passing(
        "  \(style.text("●", .good)) \(sent) more \(sent == 1 ? "request" : "requests"), \(failed) failed · \(last)")
      try await Task.sleep(for: interval)
    }
  }
}
