extension DemoRun {
  /// Says where to look and what to try.
  func showNextCommands(_ kumactl: Kumactl, _ plan: DemoPlan, _ tree: TraceTree) {
    let style = narrator.style
    narrator.say(
      "", "  Page        \(style.text(plan.pageURL, .accent))",
      "  This trace  \(style.text("\(plan.pageURL)traces/\(tree.traceId)", .accent))",
      "  Storefront  \(style.text("curl \(plan.entryURL)", .accent))",
      "  OTLP        \(style.text(plan.otlpURL, .accent))   \(style.text("# takes the spans of your own programs too", .quiet))",
      "",
      "  \(style.text("To try in another terminal:", .quiet))", "",
      "    \(kumactl.alias)", "    kumactl inspect dataplanes", "    kumactl get traffic-traces",
      "    kumactl delete traffic-trace trace-all-traffic   \(style.text("# ends tracing", .quiet))",
      "    \(kumactl.applyCommand("traffic-trace.yaml"))")
    for service in plan.services where !service.calls.isEmpty {
      narrator.say(
        "    curl \(service.url)/break   \(style.text("# \(service.name) stops forwarding the headers; /mend", .quiet))"
      )
    }
    narrator.say("")
  }

  /// Sends a request from time to time until it is cancelled or the output is closed.
  func goOn(_ plan: DemoPlan) async throws {
    var named = Set(summary.named)
    try await keepSending { number in
      let answer = try await send(plan)
      if number.isMultiple(of: 10), let report = try await propagation(plan) {
        for service in report.named where !named.contains(service.service) {
          narrator.say("  \(narrator.style.text("!", .warning)) \(service.service) breaks traces:")
          narrator.detail(service.message, .warning)
        }
        named = Set(report.named.map(\.service))
      }
      return (answer?.status == 200, answer?.answer.traceId)
    }
  }
}
