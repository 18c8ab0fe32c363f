import ProcessSupervisor

/// The steps of the demo on this machine, in order. Each is reported when its effect has been observed.
final class DemoRun: Demo {
  let options: DemoOptions
  let narrator: Narrator
  let folder: DemoFolder
  let fleet: Fleet
  let notes = SummaryNotes()
  let client = ServiceClient()
  /// Proxies send their last spans first, which wait up to five seconds.
  let grace = Duration.seconds(10)

  init(options: DemoOptions, narrator: Narrator, folder: DemoFolder, fleet: Fleet) {
    self.options = options
    self.narrator = narrator
    self.folder = folder
    self.fleet = fleet
  }

  /// Goes through the steps; without `--headless` until it is cancelled.
  ///
  /// - Throws: ``DemoFailure``, or `CancellationError`.
  func run() async throws {
    introduce()
    let programs = try await findPrograms()
    let plan = try DemoPlan(usesUsualPorts: options.usesUsualPorts)
    note { summary in
      summary.services = plan.services.map(\.name)
      summary.page = plan.pageURL
      summary.otlp = plan.otlpURL
    }
    try await startControlPlane(plan, programs)
    try await startServices(plan, programs)
    let proxies = try await startProxies(plan, programs)
    try await showUntraced(plan)
    let kumactl = try await Kumactl(
      programs: programs, apiURL: plan.apiURL, collector: "127.0.0.1:\(plan.controlPlane.collector)", folder: folder,
      fleet: fleet)
    try await applyDocuments(kumactl, plan, proxies)
    try await showReports(plan)
    let traces = try await sendRequests(plan)
    let tree = try await awaitTrace(in: plan.collectorURL, of: plan.traced) { Array(traces.prefix(3)) }
    draw(tree, of: plan.traced)
    if let broken = options.broken { try await breakTraces(broken, plan) } else { try await showNobodyNamed(plan) }
    if options.isHeadless { return }
    showNextCommands(kumactl, plan, tree)
    try await goOn(plan)
  }

  private func introduce() {
    let style = narrator.style
    let notice = style.text("(fails now and then)", .quiet)
    func name(_ text: String, _ series: Int) -> String { style.text(text, series: series) }
    narrator.say(
      "", "  \(style.text("TrafficTrace, from two documents to a trace", .strong))", "",
      "    \(name("storefront", 0)) ─┬─▶ \(name("catalogue", 1))",
      "                └─▶ \(name("checkout", 2)) ──▶ \(name("payments", 3)) \(notice)", "",
      "  " + style.text("Four services with a real Envoy each. A tick is something that has happened.", .quiet), "")
  }

  private func startControlPlane(_ plan: DemoPlan, _ programs: Programs) async throws {
    let ports = plan.controlPlane
    try await narrator.step(
      "starting the control plane", done: { "the control plane and its trace collector are ready" }
    ) {
      try fleet.start(
        "kuma-cp", .controlPlane, programs.controlPlane,
        [
          "run", "--store", "sqlite", "--work-dir", folder.controlPlane, "--api-port", "\(ports.api)", "--dp-port",
          "\(ports.dataplane)", "--api-https-port", "0", "--diagnostics-port", "\(ports.diagnostics)", "--zipkin-port",
          "\(ports.collector)",
          "--otlp-port", "\(ports.otlp)", "--otlp-grpc-port", "\(ports.otlpGRPC)",
        ])
      for url in [plan.readinessURL, "\(plan.collectorURL)/health", "\(plan.apiURL)/"] {
        try await wait("the control plane did not become ready", about: "kuma-cp") {
          try await client.attempt(url)?.status == 200 ? () : nil
        }
      }
    }
    for (usual, instead) in plan.replacedPorts {
      narrator.detail("port \(usual) is taken on this machine, so \(instead) is used instead")
    }
  }

  private func startServices(_ plan: DemoPlan, _ programs: Programs) async throws {
    try await narrator.step("starting four services", done: { "four services answer, each a process of its own" }) {
      for service in plan.services {
        var arguments = ["service", "--name", service.name, "--port", "\(service.port)", "--work"]
        arguments.append("\(service.workMilliseconds)")
        if let every = service.failsEvery { arguments += ["--fail-every", "\(every)"] }
        for call in service.calls { arguments += ["--call", "\(call)=\(service.outboundPorts[call] ?? 0)"] }
        try fleet.start(service.name, .service, programs.demo, arguments)
      }
      for service in plan.services {
        try await wait("\(service.name) did not answer", about: service.name) {
          try await client.attempt("http://127.0.0.1:\(service.port)/health")?.status == 200 ? () : nil
        }
      }
    }
  }

  private func startProxies(_ plan: DemoPlan, _ programs: Programs) async throws -> [EnvoyAdministration] {
    let proxies = plan.services.map { EnvoyAdministration($0) }
    let versions = try await narrator.step(
      "starting an Envoy for each service, through kuma-dp",
      done: { (versions: [String: String]) in
        "four Envoys \(Set(versions.values).sorted().joined(separator: ", ")) run with the control plane's configuration"
      }
    ) {
      for service in plan.services {
        try fleet.start(
          "kuma-dp-\(service.name)", .proxy, programs.dataplane, arguments(for: service, plan, programs))
      }
      var versions: [String: String] = [:]
      for proxy in proxies {
        versions[proxy.service] = try await wait(
          "the Envoy of \(proxy.service) did not get its configuration", about: "kuma-dp-\(proxy.service)"
        ) { try await proxy.versionWhenReady() }
      }
      return versions
    }
    note { summary in
      summary.envoys = versions
      summary.secondsToReady = self.notes.secondsSinceStart
    }
    return proxies
  }

  private func arguments(for service: DemoPlan.Service, _ plan: DemoPlan, _ programs: Programs) -> [String] {
    var variables = [
      "service=\(service.name)", "port=\(service.sidecarPort)", "servicePort=\(service.port)",
      "adminPort=\(service.adminPort)",
    ]
    for call in service.calls { variables.append("\(call)=\(service.outboundPorts[call] ?? 0)") }
    return [
      "run", "--cp-address", plan.dataplaneServerURL, "--binary-path", programs.envoy, "--concurrency", "1",
      "--drain-time",
      "1s", "--dataplane-file", folder.file("dataplane.yaml"),
    ] + variables.flatMap { ["--dataplane-var", $0] }
  }
}
