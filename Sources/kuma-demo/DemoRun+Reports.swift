extension DemoRun {
  /// Shows in which form the proxies report their spans, which the control plane has chosen.
  func showReports(_ plan: DemoPlan) async throws {
    let forms = try await narrator.step(
      "asking the control plane how the proxies report",
      done: { (forms: [String: TracingAnswer.Reports]) in
        "the proxies report as \(Set(forms.values.map(\.words)).sorted().joined(separator: "; "))"
      }
    ) {
      var forms: [String: TracingAnswer.Reports] = [:]
      for service in plan.services {
        let url = "\(plan.apiURL)/meshes/default/dataplanes/\(service.proxy)/_tracing"
        forms[service.name] = try await wait(
          "the control plane did not say how the proxy of \(service.name) reports", about: "kuma-cp"
        ) { try await client.attempt(url)?.decoded(TracingAnswer.self)?.reports }
      }
      return forms
    }
    for reason in Set(forms.values.map(\.reason)).sorted() { narrator.detail(reason) }
    note { $0.formats = forms.mapValues(\.format) }
  }
}
