import Documents
import ProcessSupervisor
import Synchronization

/// The steps of the demo on a cluster, in order.
final class ClusterRun: Demo {
  let options: DemoOptions
  let narrator: Narrator
  let folder: DemoFolder
  let fleet: Fleet
  let notes = SummaryNotes()
  let client = ServiceClient()
  /// The control plane would wait longer for connections of the API server to end.
  let grace = Duration.seconds(1)
  private let node = Mutex<ClusterNode?>(nil)
  private let pods = Mutex<[String]>([])

  init(options: DemoOptions, narrator: Narrator, folder: DemoFolder, fleet: Fleet) {
    self.options = options
    self.narrator = narrator
    self.folder = folder
    self.fleet = fleet
  }

  func run() async throws {
    introduce()
    let programs = try await findMachine()
    let server = try await findServer(programs)
    let node = try await ClusterNode()
    self.node.withLock { $0 = node }
    let plan = try ClusterPlan(address: node.address, usesUsualPorts: options.usesUsualPorts)
    note { summary in
      summary.services = ClusterPlan.services.map(\.name)
      summary.page = plan.pageURL
      summary.otlp = plan.otlpURL
    }
    try await startServer(server, plan)
    let kumactl = try await startControlPlane(server, plan, programs)
    let entry = try await startPods(server, node, plan, programs)
    try await showUntraced(node, entry)
    try await applyDocuments(server, plan)
    let tree = try await awaitTrace(node, entry, plan)
    draw(tree, of: ClusterPlan.services)
    if options.isHeadless { return }
    showNextCommands(server, kumactl, plan, tree)
    try await goOn(server, node, entry)
  }

  func end() async {
    guard let node = node.withLock({ $0 }) else { return }
    for pod in pods.withLock({ $0 }) {
      for container in ["kuma-init", "kuma-sidecar", ClusterPod.service(of: pod)] {
        let lines = await node.log(of: pod, container: container)
        // What cannot be written is not missed: the folder is about to go, unless something went wrong.
        try? folder.write(lines.joined(separator: "\n") + "\n", to: "\(pod)-\(container).log")
      }
    }
    await node.end()
  }

  private func introduce() {
    let style = narrator.style
    narrator.say(
      "", "  \(style.text("TrafficTrace on Kubernetes, from a label to a trace", .strong))", "",
      "  "
        + style.text(
          "A real API server, and pods in network namespaces of this machine. Each pod gets its proxy from the", .quiet),
      "  "
        + style.text(
          "control plane; rules of iptables lead its connections there. A tick is something that has happened.", .quiet),
      "")
  }

  // MARK: The cluster

  private func findMachine() async throws -> ClusterPrograms {
    try await narrator.step("looking at this machine", done: { _ in "this machine can run pods" }) {
      try await ClusterPrograms.checkMachine()
    }
    return try ClusterPrograms(try await findPrograms())
  }

  private func findServer(_ programs: ClusterPrograms) async throws -> ClusterServer {
    if let server = try await ClusterServer(programs, folder: folder, fleet: fleet) { return server }
    try await narrator.step(
      "building the API server of Kubernetes, which takes about eight minutes, once",
      done: { "the API server of Kubernetes is built" }
    ) { try await ClusterServer.build(programs, fleet: fleet) }
    guard let server = try await ClusterServer(programs, folder: folder, fleet: fleet) else {
      throw DemoFailure("the API server is built, but \(programs.script) does not find it")
    }
    return server
  }

  private func startServer(_ server: ClusterServer, _ plan: ClusterPlan) async throws {
    try await narrator.step("starting the API server", done: { "the API server of Kubernetes is ready" }) {
      try await server.start(ports: plan.server) { failure, program, question in
        try await wait(failure, about: program, within: .seconds(120), every: .milliseconds(100)) {
          try await question() ? () : nil
        }
      }
    }
  }

  private func startControlPlane(
    _ server: ClusterServer, _ plan: ClusterPlan, _ programs: ClusterPrograms
  ) async throws -> Kumactl {
    try await narrator.step(
      "kumactl install control-plane | kubectl apply -f -",
      done: { "kumactl install control-plane | kubectl apply -f -" }
    ) {
      let printed = try await fleet.run(programs.programs.kumactl, ["install", "control-plane"])
      guard printed.status.isSuccess else { throw DemoFailure("kumactl: \(printed.errors.last ?? "")") }
      let manifest = ControlPlaneManifest(admissionPort: plan.admission)
      try folder.write(try manifest.adapted(printed.output.joined(separator: "\n")), to: "control-plane.yaml")
      _ = try await server.kubectl("apply", "-f", folder.file("control-plane.yaml"))
    }
    narrator.detail("without its Deployment: the control plane runs on this machine, in cluster mode")
    try await narrator.step(
      "starting the control plane", done: { "the control plane is ready, and the API server asks it" }
    ) {
      try fleet.start(
        "kuma-cp", .controlPlane, programs.programs.controlPlane,
        ["run", "--store", "kubernetes", "--work-dir", folder.controlPlane], settings: settings(server, plan))
      try await wait("the control plane did not become ready", about: "kuma-cp", within: .seconds(60)) {
        try await client.attempt(plan.readinessURL)?.status == 200 ? () : nil
      }
      try folder.write(ControlPlaneManifest.question, to: "question.yaml")
      try await wait("the API server did not ask the control plane", about: "kuma-cp", every: .milliseconds(200)) {
        let answer = try await server.attempt(["apply", "--dry-run=server", "-f", folder.file("question.yaml")])
        return answer.errors.contains { $0.contains("\"nowhere\" not found") } ? () : nil
      }
    }
    for (usual, instead) in plan.replacedPorts {
      narrator.detail("port \(usual) is taken on this machine, so \(instead) is used instead")
    }
    return try await Kumactl(
      programs: programs.programs, apiURL: plan.apiURL, collector: "\(plan.address):\(plan.zipkin)", folder: folder,
      fleet: fleet)
  }

  private func settings(_ server: ClusterServer, _ plan: ClusterPlan) -> [String: String] {
    [
      "KUBECONFIG": server.kubeconfig, "KUMA_ENVIRONMENT": "kubernetes",
      "KUMA_STORE_KUBERNETES_SYSTEM_NAMESPACE": ClusterPlan.systemNamespace,
      "KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_ADDRESS": "127.0.0.1",
      "KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_PORT": "\(plan.admission)",
      // Old connections end soon after a change, so that the first requests are traced.
      "KUMA_RUNTIME_KUBERNETES_INJECTOR_SIDECAR_CONTAINER_DRAIN_TIME": "1s",
      "KUMA_API_SERVER_HTTP_PORT": "\(plan.api)", "KUMA_API_SERVER_HTTPS_PORT": "0",
      // The address exists on this machine only, and the page is to open without a sign-in.
      "KUMA_GENERAL_UNPROTECTED_LISTENERS": "collector,otlp", "KUMA_DIAGNOSTICS_SERVER_PORT": "\(plan.diagnostics)",
      "KUMA_DP_SERVER_INTERFACE": plan.address, "KUMA_DP_SERVER_PORT": "\(plan.dataplane)",
      "KUMA_COLLECTOR_ZIPKIN_INTERFACE": plan.address, "KUMA_COLLECTOR_ZIPKIN_PORT": "\(plan.zipkin)",
      "KUMA_COLLECTOR_OTLP_INTERFACE": plan.address, "KUMA_COLLECTOR_OTLP_PORT": "\(plan.otlp)",
      "KUMA_COLLECTOR_OTLP_GRPC_PORT": "\(plan.otlpGRPC)",
    ]
  }

  // MARK: The pods

  private func startPods(
    _ server: ClusterServer, _ node: ClusterNode, _ plan: ClusterPlan, _ programs: ClusterPrograms
  ) async throws -> String {
    try node.start(kubeconfig: server.kubeconfig, images: programs.images, hosts: plan.hosts)
    try await narrator.step(
      "kumactl install demo | kubectl apply -f -",
      done: { "kumactl install demo | kubectl apply -f -: four Deployments" }
    ) {
      let printed = try await fleet.run(programs.programs.kumactl, ["install", "demo"])
      guard printed.status.isSuccess else { throw DemoFailure("kumactl: \(printed.errors.last ?? "")") }
      try folder.write(printed.output.joined(separator: "\n") + "\n", to: "demo.yaml")
      _ = try await server.kubectl("apply", "-f", folder.file("demo.yaml"))
    }
    let pods = try await narrator.step(
      "waiting for four pods",
      done: { (pods: [ClusterPod]) in "four pods run and are ready, each with a proxy" }
    ) {
      var last: [ClusterPod] = []
      do {
        return try await wait(
          "the pods did not become ready", about: "kuma-cp", within: .seconds(120), every: .milliseconds(250)
        ) {
          last = try await self.pods(server)
          self.pods.withLock { $0 = last.map(\.name) }
          return last.count == ClusterPlan.services.count && last.allSatisfy(\.isReady) ? last : nil
        }
      } catch var failure as DemoFailure {
        failure.description += "; \(last.isEmpty ? "there are none" : last.map(\.words).joined(separator: "; "))"
        throw failure
      }
    }
    for pod in pods { narrator.detail("\(pod.name): \(pod.containers.joined(separator: ", "))") }
    guard let entry = pods.first(where: \.isEntry) else {
      throw DemoFailure("there is no pod of \(ClusterPlan.entry)", program: "kuma-cp")
    }
    note { $0.secondsToReady = self.notes.secondsSinceStart }
    return entry.name
  }

  /// The pods of the four services.
  func pods(_ server: ClusterServer) async throws -> [ClusterPod] {
    let listed = try await server.kubectl("get", "pods", "--namespace", ClusterPlan.namespace, "--output", "json")
    let document = try DocumentValue(json: Array(listed.output.joined(separator: "\n").utf8))
    return (document["items"]?.array ?? []).map(ClusterPod.init)
  }
}
