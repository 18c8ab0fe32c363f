import Documents
import Foundation
import HTTPTypes
import KubernetesTestSupport
import LoopbackTestSupport
import PodNetwork
import Synchronization
import TestSupport
import Testing

/// The demo's four services in pods that know nothing of a mesh: injected by the webhook, redirected by real rules of iptables,
/// with real Envoys, and traced as kubectl says.
@Suite(
  .onKubernetes, .inNetworkNamespaces, .cluster, .enabled(if: TestPrograms.envoyProgram != nil, "there is no Envoy"),
  .timeLimit(.minutes(60)))
struct PodTracingTests {
  @Test("One request leaves one trace with both sides of every hop; sampling, backend and deletion change what comes")
  func fourPods() async throws {
    let cluster = try await PodCluster.shared()
    try await cluster.run { rig in
      try await cluster.server.apply(RunningCluster.policy(rig.namespace, mesh: rig.namespace))
      try await cluster.server.apply(try await PodCluster.demo(rig))
      for service in Self.services { try await rig.waitUntilReady("deployment/\(service)") }
      let shop = Shop(cluster: cluster, rig: rig)
      try await shop.waitForTheMesh()

      // All of it, as it was installed.
      let all = try await shop.request("all", times: 3)
      for trace in try await shop.traces(of: all, count: 3) { try shop.check(trace) }

      // Nothing, by sampling; then everything again, but elsewhere.
      try await cluster.server.apply(cluster.mesh(rig, sampling: "0"))
      try await shop.waitForSampling(0)
      let none = try await shop.request("unsampled", times: 5)

      let elsewhere = Mutex<[String: Int]>([:])
      try await LoopbackServer.run({ _, body in
        for span in (try? DocumentValue(json: body))?.array ?? [] {
          elsewhere.withLock { $0[span["traceId"]?.string ?? "", default: 0] += 1 }
        }
        return (HTTPResponse(status: .accepted), [])
      }) { base in
        let port = try #require(base.split(separator: ":").last.flatMap { Int($0) })
        try await rig.expose(port)
        let backend = """

              - name: other
                type: zipkin
                conf:
                  url: http://\(rig.network.hostAddress):\(port)/spans
          """
        try await cluster.server.apply(cluster.mesh(rig, more: backend))
        try await cluster.server.apply(
          RunningCluster.policy(rig.namespace, mesh: rig.namespace, backend: "other"))
        try await shop.waitForSampling(100, cluster: "other")
        // Connections between the services keep the tracing that they were opened with, until Envoy has drained them. Then a
        // whole trace arrives there: both sides of four hops.
        let moved = try await eventually(deadline: .seconds(120), "a whole trace at the other backend") {
          () -> String? in
          _ = try await shop.request("elsewhere", times: 1)
          return elsewhere.withLock { $0.first { $0.value >= 8 }?.key }
        }
        let kept = try await cluster.traces(shop.tag("storefront"))
        #expect(!kept.joined().contains { $0["traceId"]?.string == moved })
      }

      try await cluster.server.succeed(["delete", "traffictrace", rig.namespace])
      try await shop.waitForSampling(nil)
      let deleted = try await shop.requestThatIsNotTraced()
      // What was traced before has arrived, and nothing of what came later.
      try await cluster.server.apply(RunningCluster.policy(rig.namespace, mesh: rig.namespace))
      try await shop.waitForSampling(100)
      try await eventually(deadline: .seconds(120), "a whole trace after the policy has returned") {
        let last = try await shop.request("last", times: 1)
        return try await shop.traces(of: last, count: 0).contains { $0.count >= 8 }
      }
      for path in [none, deleted] { #expect(try await shop.traces(of: path, count: 0).isEmpty, "\(path)") }
    }
  }

  private static let services = ["storefront", "catalogue", "checkout", "payments"]

  /// The demo in a rig.
  private struct Shop {
    let cluster: PodCluster
    let rig: PodRig

    /// The tag `kuma.io/service` of a service.
    func tag(_ service: String) -> String { "\(service)_\(rig.namespace)_svc_80" }

    /// Calls the storefront from its own pod, as the documents do, at a path of its own.
    ///
    /// - Returns: the path.
    func request(_ name: String, times: Int) async throws -> String {
      let pod = try await pod("storefront")
      for _ in 0..<times {
        // Payments fail now and then, as they should. A request that does not arrive leaves no whole trace.
        let answer = try await rig.node.execute(
          ["curl", "-s", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", "http://storefront/\(name)"], in: pod,
          rig.namespace, container: "storefront")
        #expect(["200", "503"].contains(answer.output), "\(name): \(answer)")
      }
      return "/\(name)"
    }

    /// Calls until no Envoy has thought of tracing a request: connections that were open before keep their tracing for a while.
    ///
    /// - Returns: the path of that request.
    func requestThatIsNotTraced() async throws -> String {
      var count = 0
      return try await eventually(deadline: .seconds(120), "a request that is not traced") { () -> String? in
        count += 1
        let before = try await tracingDecisions()
        let path = try await request("deleted-\(count)", times: 1)
        return try await tracingDecisions() == before ? path : nil
      }
    }

    /// How often the four Envoys have decided whether a request is traced.
    private func tracingDecisions() async throws -> Int {
      var sum = 0
      for service in PodTracingTests.services {
        let answer = try await rig.node.execute(
          ["curl", "-sf", "-m", "10", "http://127.0.0.1:9901/stats?usedonly&filter=%5Ehttp..*.tracing."],
          in: try await pod(service), rig.namespace, container: "kuma-sidecar")
        #expect(answer.status == 0, "\(answer)")
        sum += answer.output.split(separator: "\n").compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
          .reduce(0, +)
      }
      return sum
    }

    func pod(_ service: String) async throws -> String {
      try await rig.kubectl(
        "get", "pods", "-l", "app=\(service)", "--field-selector=status.phase=Running", "-o",
        "jsonpath={.items[0].metadata.name}")
    }

    /// Waits until each service reaches those that it calls through its proxy.
    func waitForTheMesh() async throws {
      let calls = [
        ("storefront", "catalogue"), ("storefront", "checkout"), ("checkout", "payments"), ("storefront", "storefront"),
      ]
      for (service, called) in calls {
        let pod = try await pod(service)
        try await eventually("\(called) for \(service)") {
          try await rig.isAnswered("http://\(called)/health", by: pod, container: service)
        }
      }
    }

    /// The traces of requests at a path, when there are so many with all their spans.
    func traces(of path: String, count: Int) async throws -> [[DocumentValue]] {
      func find() async throws -> [[DocumentValue]] {
        try await cluster.traces(tag("storefront")).filter { trace in
          trace.contains { URLComponents(string: $0["tags"]?["http.url"]?.string ?? "")?.path == path }
        }
      }
      guard count > 0 else { return try await find() }
      let found = Mutex<[[DocumentValue]]>([])
      do {
        try await eventually("\(count) traces of \(path)") {
          let traces = try await find()
          found.withLock { $0 = traces }
          return traces.count == count && traces.allSatisfy { $0.count >= 8 }
        }
      } catch let error as NotInTime {
        throw PodRig.Failure(
          description: "\(error); these are there: \(found.withLock { $0.map { $0.map(describe) } })")
      }
      return found.withLock { $0 }
    }

    func describe(_ span: DocumentValue) -> String {
      "\(span["kind"]?.string ?? "?") \(span["localEndpoint"]?["serviceName"]?.string ?? "?") \(span["tags"]?["http.url"]?.string ?? "")"
    }

    /// Expects both sides of each hop, joined to one tree, with names of services only.
    func check(_ trace: [DocumentValue]) throws {
      let hops = [
        ("storefront", "storefront"), ("storefront", "catalogue"), ("storefront", "checkout"), ("checkout", "payments"),
      ]
      func spans(_ kind: String, _ service: String) -> [DocumentValue] {
        trace.filter { $0["kind"]?.string == kind && $0["localEndpoint"]?["serviceName"]?.string == tag(service) }
      }
      let all = trace.map(describe)
      for service in Set(hops.map(\.1)) {
        #expect(spans("SERVER", service).count == 1, "\(service): \(all)")
      }
      for service in Set(hops.map(\.0)) {
        let count = hops.filter { $0.0 == service }.count
        #expect(spans("CLIENT", service).count == count, "\(service): \(all)")
      }
      #expect(Set(trace.compactMap { $0["traceId"]?.string }).count == 1)
      // Each server's span hangs under the client's span of its hop, or shares its id.
      let clients = Set(trace.filter { $0["kind"]?.string == "CLIENT" }.compactMap { $0["id"]?.string })
      for span in trace where span["kind"]?.string == "SERVER" {
        let parent = span["shared"]?.bool == true ? span["id"]?.string : span["parentId"]?.string
        #expect(parent.map(clients.contains) == true, "\(describe(span)) of \(all)")
      }
    }

    /// Waits until the listeners of all four Envoys trace so many of a hundred requests; `nil` for no tracing at all.
    func waitForSampling(_ percent: Double?, cluster backend: String? = nil) async throws {
      for service in PodTracingTests.services {
        let pod = try await pod(service)
        let last = Mutex("")
        do {
          try await eventually("\(service) with a sampling of \(String(describing: percent))") {
            guard let tracing = try await tracing(in: pod), !tracing.isEmpty else { return false }
            let text = "\(tracing)"
            last.withLock { $0 = text }
            return tracing.allSatisfy { tracing in
              guard let backend else { return Self.sampling(tracing) == percent }
              let collector = tracing["provider"]?["typed_config"]?["collector_cluster"]?.string
              return Self.sampling(tracing) == percent && collector == "tracing:\(backend)"
            }
          }
        } catch let error as NotInTime {
          throw PodRig.Failure(description: "\(error): \(last.withLock { $0 })")
        }
      }
    }

    /// The share of requests that a listener samples, in percent; `nil` when it does not trace.
    private static func sampling(_ tracing: DocumentValue) -> Double? {
      guard tracing != .null else { return nil }
      // Without a word about it, all are sampled; a value of 0 is left out.
      guard let share = tracing["overall_sampling"] else { return 100 }
      return share["value"]?.number ?? 0
    }

    /// What the listeners for HTTP of a pod's Envoy have for tracing; `nil` while a newer form warms up or an older one drains.
    private func tracing(in pod: String) async throws -> [DocumentValue]? {
      let address = "http://127.0.0.1:9901/config_dump?resource=dynamic_listeners"
      let answer = try await rig.node.execute(
        ["curl", "-sf", "-m", "10", address], in: pod, rig.namespace, container: "kuma-sidecar")
      guard answer.status == 0 else { return nil }
      var result: [DocumentValue] = []
      for listener in try DocumentValue(json: Array(answer.output.utf8))["configs"]?.array ?? [] {
        guard listener["warming_state"] == nil, listener["draining_state"] == nil else { return nil }
        for chain in listener["active_state"]?["listener"]?["filter_chains"]?.array ?? [] {
          for filter in chain["filters"]?.array ?? [] {
            guard let manager = filter["typed_config"], manager["http_filters"] != nil else { continue }
            // The application's own traffic; the listeners of administration and of probes are not traced.
            let prefix = manager["stat_prefix"]?.string ?? ""
            guard !prefix.contains("admin"), !prefix.contains("probe") else { continue }
            result.append(manager["tracing"] ?? .null)
          }
        }
      }
      return result
    }
  }
}
