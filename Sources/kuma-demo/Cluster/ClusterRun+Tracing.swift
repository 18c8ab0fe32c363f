import ProcessSupervisor

extension ClusterRun {
  /// What a request from inside of the mesh showed.
  private struct Request {
    var status: String
    /// The trace that the service was told of.
    var trace: String?

    /// Reads a line of `kuma-demo request`.
    init(_ line: String) {
      let words = line.split(separator: " ", maxSplits: 2).map(String.init)
      status = words.first ?? ""
      trace = words.count > 1 && words[1] != "without" ? words[1] : nil
    }
  }

  private func requests(_ count: Int, _ node: ClusterNode, _ entry: String) async throws(DemoFailure) -> [Request] {
    try await node.execute(
      ["kuma-demo", "request", "http://\(ClusterPlan.entry)", "--count", "\(count)"], in: entry,
      container: ClusterPlan.entry
    ).map(Request.init)
  }

  /// Shows that a request passes all proxies and is not traced yet.
  func showUntraced(_ node: ClusterNode, _ entry: String) async throws {
    try await narrator.step(
      "sending a request through all four", done: { "a request passes all four; nothing is traced yet" }
    ) {
      let request = try await wait("no request passed all proxies", about: "kuma-cp", every: .milliseconds(200)) {
        try await requests(1, node, entry).first { $0.status == "200" }
      }
      if let trace = request.trace {
        throw DemoFailure("a request belonged to trace \(trace) although no policy asks for one", program: "kuma-cp")
      }
    }
  }

  /// Applies the two documents of the documentation, and waits until proxies trace because of them.
  func applyDocuments(_ server: ClusterServer, _ plan: ClusterPlan) async throws {
    let template = try folder.text(of: "kubernetes-mesh.yaml")
    try folder.write(
      template.replacing("{{ collector }}", with: "\(ClusterPlan.collector):\(plan.zipkin)"), to: "kubernetes-mesh.yaml"
    )
    for (document, what) in [
      ("kubernetes-mesh.yaml", "the mesh has a tracing backend"),
      ("kubernetes-traffic-trace.yaml", "all traffic is traced"),
    ] {
      let command = "kubectl apply -f \(document)"
      let warnings = try await narrator.step(command, done: { (_: [String]) in "\(command): \(what)" }) {
        try await server.kubectl("apply", "-f", folder.file(document)).errors
      }
      // kubectl remarks once that the Mesh was not made with kubectl.
      for line in warnings { narrator.detail(line) }
    }
    try await narrator.step(
      "kubectl wait --for condition=Programmed traffictrace/trace-all-traffic",
      done: { "kubectl wait --for condition=Programmed: the proxies of all pods have it" }
    ) {
      _ = try await server.kubectl(
        "wait", "--for", "condition=Programmed", "--timeout", "60s", "traffictrace/trace-all-traffic")
    }
  }

  /// Sends requests from inside of the mesh until one of their traces is whole.
  func awaitTrace(_ node: ClusterNode, _ entry: String, _ plan: ClusterPlan) async throws -> TraceTree {
    var sent: [Request] = []
    try await narrator.step(
      "sending \(options.requests) requests from the pod of the \(ClusterPlan.entry)",
      done: {
        "\(options.requests) requests sent from the pod of the \(ClusterPlan.entry), to http://\(ClusterPlan.entry)"
      }
    ) { sent = try await requests(options.requests, node, entry) }
    let failed = sent.count { $0.status != "200" }
    note { summary in
      summary.requests += self.options.requests
      summary.errors += failed
    }
    var asked = 0
    return try await awaitTrace(in: plan.collectorURL, of: ClusterPlan.services) {
      asked += 1
      // The first requests may have gone over connections of before, which are not traced.
      if asked.isMultiple(of: 40) { sent += try await requests(2, node, entry) }
      return sent.filter { $0.status == "200" }.compactMap(\.trace).suffix(12)
    }
  }

  /// Says where to look and what to try.
  func showNextCommands(_ server: ClusterServer, _ kumactl: Kumactl, _ plan: ClusterPlan, _ tree: TraceTree) {
    let style = narrator.style
    narrator.say(
      "", "  Page        \(style.text(plan.pageURL, .accent))",
      "  This trace  \(style.text("\(plan.pageURL)traces/\(tree.traceId)", .accent))", "",
      "  \(style.text("To try in another terminal:", .quiet))", "",
      "    alias kubectl='\(server.kubectlPath) --kubeconfig \(server.kubeconfig)'", "    \(kumactl.alias)",
      "    kubectl get pods -n \(ClusterPlan.namespace) -o wide", "    kubectl get meshes,traffictraces -o wide",
      "    kumactl inspect dataplanes",
      "    kubectl delete traffictrace trace-all-traffic   \(style.text("# ends tracing", .quiet))",
      "    kubectl apply -f \(folder.file("kubernetes-traffic-trace.yaml"))",
      "    kubectl rollout restart deployment/checkout -n \(ClusterPlan.namespace)", "",
      "  \(style.text("kubectl logs and kubectl exec need a kubelet, which is not there.", .quiet))", "")
  }

  /// Sends a request from time to time until it is cancelled or the output is closed.
  func goOn(_ server: ClusterServer, _ node: ClusterNode, _ entry: String) async throws {
    var entry = entry
    try await keepSending { _ in
      let request = try? await requests(1, node, entry).first
      // Somebody may have replaced the pod.
      if request == nil, let pod = try await pods(server).first(where: \.isEntry) { entry = pod.name }
      return (request?.status == "200", request?.trace)
    }
  }
}
