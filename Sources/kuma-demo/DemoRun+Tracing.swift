import Foundation

extension DemoRun {
  /// Shows that requests pass all proxies and are not traced yet.
  func showUntraced(_ plan: DemoPlan) async throws {
    try await narrator.step(
      "sending a request through all four", done: { "a request passes all four; nothing is traced yet" }
    ) {
      // A proxy may learn of the others a moment after it runs.
      let answer = try await wait("no request passed all proxies", about: "kuma-dp-\(plan.entry.name)") {
        try await send(plan).flatMap { $0.status == 200 ? $0.answer : nil }
      }
      if let trace = answer.traceId {
        throw DemoFailure("a request belonged to trace \(trace) although no policy asks for one", program: "kuma-cp")
      }
    }
  }

  /// Applies the documents and waits until every proxy has taken what follows from them.
  func applyDocuments(_ kumactl: Kumactl, _ plan: DemoPlan, _ proxies: [EnvoyAdministration]) async throws {
    func apply(_ document: String, _ done: String) async throws -> [String] {
      try await narrator.step("kumactl apply -f \(document)", done: { _ in "kumactl apply -f \(document): \(done)" }) {
        try await kumactl.apply(document)
      }
    }
    // A note about apiVersion auto is no warning.
    for line in try await apply("mesh.yaml", "the mesh has a tracing backend") {
      narrator.detail(line, line.hasPrefix("Note:") ? .quiet : .warning)
    }
    let warnings = try await apply("traffic-trace-as-documented.yaml", "with a warning")
    guard !warnings.isEmpty else {
      throw DemoFailure("kumactl did not warn of the backend that does not exist", program: "kuma-cp")
    }
    for line in warnings { narrator.detail(line, .warning) }
    note { $0.warnings = warnings }

    let before = try await listenerUpdates(of: proxies)
    let start = Date().timeIntervalSince1970 * 1000
    for line in try await apply("traffic-trace.yaml", "corrected") { narrator.detail(line, .warning) }
    let milliseconds = try await narrator.step(
      "waiting for the four Envoys",
      done: { (time: Int64) in "the last of four Envoys had it \(time) ms after kumactl was started" }
    ) {
      var last: UInt64 = 0
      for (proxy, before) in zip(proxies, before) {
        let time = try await wait(
          "the Envoy of \(proxy.service) did not take its new listeners", about: "kuma-cp", every: .milliseconds(5)
        ) { try await Self.timeOfTracing(proxy, after: before) }
        last = max(last, time)
      }
      return Int64(max(Double(last) - start, 0).rounded())
    }
    narrator.detail("by their own clocks: the latest of listener_manager.lds.update_time")
    note { $0.applyToLastAckMilliseconds = milliseconds }

    // Requests on a connection from before go the old way, untraced, until Envoy has closed it.
    try await narrator.step(
      "waiting for the old connections to end", done: { "the proxies have closed the connections of before" }
    ) {
      for proxy in proxies {
        try await wait("the Envoy of \(proxy.service) still holds old connections", about: nil) {
          try await proxy.hasDrained() ? () : nil
        }
      }
    }
  }

  private func listenerUpdates(
    of proxies: [EnvoyAdministration]
  ) async throws -> [EnvoyAdministration.ListenerUpdates] {
    var all: [EnvoyAdministration.ListenerUpdates] = []
    for proxy in proxies {
      let updates = try await wait("the Envoy of \(proxy.service) did not say what it has", about: nil) {
        try await proxy.listenerUpdates()
      }
      all.append(updates)
    }
    return all
  }

  /// When an Envoy took listeners that trace; `nil` while it has not.
  ///
  /// - Throws: ``DemoFailure`` when it refuses them.
  private static func timeOfTracing(
    _ proxy: EnvoyAdministration, after before: EnvoyAdministration.ListenerUpdates
  ) async throws -> UInt64? {
    guard let now = try await proxy.listenerUpdates() else { return nil }
    guard now.rejected <= before.rejected else {
      throw DemoFailure(
        "the Envoy of \(proxy.service) refused its new listeners", program: "kuma-dp-\(proxy.service)")
    }
    guard now.accepted > before.accepted, try await proxy.isTracing() else { return nil }
    return now.time
  }

  /// Sends the requests of the demo.
  ///
  /// - Returns: the traces of those that succeeded, in order.
  func sendRequests(_ plan: DemoPlan) async throws -> [String] {
    var unexpected: [String] = []
    let traces = try await narrator.step(
      "sending \(options.requests) requests",
      done: { (_: [String]) in
        let failed = summary.errors
        return "\(summary.requests) requests sent"
          + (failed == 0 ? "" : ", \(failed) of which failed" + (unexpected.isEmpty ? " on purpose" : ""))
      }
    ) {
      var traces: [String] = []
      let first = min(options.requests, Self.requestsInARow)
      try await sendRequests(first, lanes: 1, plan, &traces, &unexpected)
      try await sendRequests(options.requests - first, lanes: Self.lanes, plan, &traces, &unexpected)
      guard !traces.isEmpty else {
        throw DemoFailure("no request came to a service with the headers of a trace", program: "kuma-cp")
      }
      return traces
    }
    for reason in unexpected { narrator.detail("not on purpose: \(reason)", .warning) }
    return traces
  }

  private static let requestsInARow = 100
  private static let lanes = 8

  private func sendRequests(
    _ count: Int, lanes: Int, _ plan: DemoPlan, _ traces: inout [String], _ unexpected: inout [String]
  ) async throws {
    let answers = try await withThrowingTaskGroup(of: [(Int, ShopAnswer)].self) { group in
      for lane in 0..<lanes {
        group.addTask {
          var answers: [(Int, ShopAnswer)] = []
          for _ in stride(from: lane, to: count, by: lanes) {
            try self.fleet.check()
            guard let answer = try await self.send(plan) else {
              throw DemoFailure(
                "a request to the storefront had no answer", program: "kuma-dp-\(plan.entry.name)")
            }
            answers.append(answer)
          }
          return answers
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    for (status, answer) in answers {
      note { summary in
        summary.requests += 1
        if status != 200 { summary.errors += 1 }
      }
      if status == 200 {
        if let trace = answer.traceId { traces.append(trace) }
      } else if !answer.failedOnPurpose {
        unexpected.append(answer.error ?? "the storefront answered \(status)")
      }
    }
  }

  /// Sends a request to the entry through its proxy; `nil` when there is no answer of the service.
  func send(_ plan: DemoPlan) async throws(CancellationError) -> (status: Int, answer: ShopAnswer)? {
    // Envoy may close a kept connection in the moment in which it is used again.
    for _ in 0..<2 {
      if let answer = try await client.attempt(plan.entryURL, host: "\(plan.entry.name).mesh"),
        let decoded = answer.decoded(ShopAnswer.self)
      {
        return (answer.status, decoded)
      }
    }
    return nil
  }
}
