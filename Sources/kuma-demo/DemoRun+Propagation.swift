extension DemoRun {
  /// Makes a service stop forwarding the trace headers, and waits until the collector names it.
  func breakTraces(_ name: String, _ plan: DemoPlan) async throws {
    guard let service = plan.services.first(where: { $0.name == name }) else { return }
    try await narrator.step(
      "breaking traces in \(name)", done: { "\(name) has stopped forwarding the trace headers" }
    ) {
      guard try await client.attempt("\(service.url)/break")?.status == 200 else {
        throw DemoFailure("\(name) did not accept the command to stop forwarding the trace headers", program: name)
      }
    }
    note { $0.broken = name }
    let start = ContinuousClock.now
    let report = try await narrator.step(
      "sending requests until the collector says who breaks traces",
      done: { (report: PropagationAnswer) in
        "the collector names \(report.named.map(\.service).joined(separator: ", "))"
      }
    ) {
      var sent = 0
      // Two to five seconds; the rest is for slow machines.
      return try await wait(
        "no service was named as breaking traces", about: "kuma-cp", within: .seconds(60), every: .milliseconds(100)
      ) {
        // Not at regular times: work that is done like clockwork is not told apart from answers to such requests.
        try await Task.sleep(for: .milliseconds(Int.random(in: 0...100)))
        let answer = try await send(plan)
        sent += 1
        note { summary in
          summary.requests += 1
          if answer?.status != 200 { summary.errors += 1 }
        }
        guard sent.isMultiple(of: 5), let report = try await propagation(plan), !report.named.isEmpty else {
          return nil
        }
        return report
      }
    }
    for service in report.named { narrator.detail(service.message, .warning) }
    note { summary in
      summary.named = report.named.map(\.service)
      summary.namedBecause = report.named.map(\.message)
      summary.secondsToNamed = (ContinuousClock.now - start).secondsRounded
    }
  }

  /// Checks that the collector names no service as breaking traces when none does.
  func showNobodyNamed(_ plan: DemoPlan) async throws {
    let sent = summary.requests
    let report = try await narrator.step(
      "asking the collector who breaks traces",
      done: { (report: PropagationAnswer) in
        report.named.isEmpty
          ? "every service forwards the trace headers, says the collector"
          : "the collector names \(report.named.map(\.service).joined(separator: ", "))"
      }
    ) {
      // Envoy keeps spans for a second. With few requests the demo does not wait for the last ones.
      let end = ContinuousClock.now + .seconds(sent > 100 ? 10 : 0)
      return try await wait("the collector did not say who breaks traces", about: "kuma-cp") {
        guard let report = try await propagation(plan) else { return nil }
        let arrived = report.services.first { $0.service == plan.entry.name }?.inbound ?? 0
        return arrived >= sent || ContinuousClock.now >= end ? report : nil
      }
    }
    for service in report.named { narrator.detail(service.message, .bad) }
    note { summary in
      summary.named = report.named.map(\.service)
      summary.namedBecause = report.named.map(\.message)
    }
  }

  /// What the collector says of who passes on traces; `nil` when it does not answer.
  func propagation(_ plan: DemoPlan) async throws -> PropagationAnswer? {
    try await client.attempt("\(plan.collectorURL)/api/propagation")?.decoded()
  }
}
