import Documents
import Foundation
import KubernetesTestSupport
import PodNetwork
import ProcessSupervisor
import Synchronization
import TestSupport
import Testing

/// Where connections go that rules of iptables lead to real Envoys, in pods with proxies that the control plane has injected.
@Suite(
  .onKubernetes, .inNetworkNamespaces, .cluster, .enabled(if: TestPrograms.envoyProgram != nil, "there is no Envoy"),
  .timeLimit(.minutes(30)))
struct TrafficTests {
  /// The address from which the proxy of a pod calls its application.
  private static let throughProxy = "127.0.0.6"

  /// The spans of a trace as `KIND of SERVICE`, and of a client's side `to CLUSTER`.
  private func spans(_ trace: String, _ service: String, _ cluster: PodCluster) async throws -> Set<String> {
    let traces = try await cluster.traces(service)
    let spans = traces.first { $0.contains { $0["traceId"]?.string == trace } } ?? []
    return Set(
      spans.map { span in
        let kind = span["kind"]?.string ?? ""
        let name = span["localEndpoint"]?["serviceName"]?.string ?? ""
        guard kind == "CLIENT" else { return "\(kind) of \(name)" }
        // One pod of a service is a cluster whose name ends with a hash of its tags.
        let cluster = span["tags"]?["upstream_cluster"]?.string ?? ""
        return "\(kind) of \(name) to \(cluster.replacing(/-[0-9a-f]{16}$/, with: ""))"
      })
  }

  /// Waits until a trace has exactly some spans.
  private func expect(
    _ expected: Set<String>, in trace: String, of service: String, _ cluster: PodCluster,
    location: SourceLocation = #_sourceLocation
  ) async throws {
    let last = Mutex<Set<String>>([])
    do {
      try await eventually("the spans of \(service)") {
        let found = try await spans(trace, service, cluster)
        last.withLock { $0 = found }
        return found == expected
      }
    } catch is NotInTime {
      Issue.record("\(last.withLock { $0 }) instead of \(expected)", sourceLocation: location)
    }
  }

  private func traceEverything(_ rig: PodRig, _ cluster: PodCluster) async throws {
    try await cluster.server.apply(RunningCluster.policy(rig.namespace, mesh: rig.namespace))
  }

  @Test("each kind of destination is reached, traced or passed through as the documents say")
  func destinations() async throws {
    let cluster = try await PodCluster.shared()
    try await cluster.run { rig in
      let pods = TrafficPods(rig: rig)
      let namespace = rig.namespace
      try await traceEverything(rig, cluster)
      try await rig.apply(TrafficPods.documents)
      try await rig.waitUntilReady("pod/web", "pod/client", "pod/direct", "pod/outside")
      let address = try await rig.field("pod/web", ".status.podIP")
      let client = try await rig.field("pod/client", ".status.podIP")
      let outside = try await rig.field("pod/outside", ".status.podIP")

      // A ClusterIP: both sides are traced, and the spans name services.
      let virtual = try await eventually("a traced request to the ClusterIP") {
        try await pods.sight("http://web/", from: "client").flatMap { $0.trace.isEmpty ? nil : $0 }
      }
      #expect(virtual.peer == Self.throughProxy)
      let sides: Set = [
        "CLIENT of client_\(namespace)_svc to web_\(namespace)_svc_80", "SERVER of web_\(namespace)_svc_80",
      ]
      try await expect(sides, in: virtual.trace, of: "web_\(namespace)_svc_80", cluster)

      // A headless Service: the pod's own address, by which the service is known.
      let headless = try await eventually("a traced request to the headless Service") {
        try await pods.sight("http://direct:8080/", from: "client").flatMap { $0.trace.isEmpty ? nil : $0 }
      }
      #expect(headless.peer == Self.throughProxy)
      let headlessSides: Set = [
        "CLIENT of client_\(namespace)_svc to direct_\(namespace)_svc_8080", "SERVER of direct_\(namespace)_svc_8080",
      ]
      try await expect(headlessSides, in: headless.trace, of: "direct_\(namespace)_svc_8080", cluster)

      // The address of a pod, from a pod with a proxy and from one without: the server's side is traced.
      let passed = try await pods.counter("cluster.outbound_passthrough_ipv4.upstream_cx_total", of: "client")
      for pod in ["client", "outside"] {
        let sight = try #require(try await pods.sight("http://\(address):8080/", from: pod))
        #expect(sight.peer == Self.throughProxy && !sight.trace.isEmpty, "\(pod): \(sight)")
        try await expect(
          ["SERVER of web_\(namespace)_svc_80"], in: sight.trace, of: "web_\(namespace)_svc_80", cluster)
      }
      #expect(try await pods.counter("cluster.outbound_passthrough_ipv4.upstream_cx_total", of: "client") == passed + 1)

      // An excluded port of the server: the connection comes from the caller itself. For the client's proxy it is one of
      // those that are passed through.
      #expect(try await pods.sight("http://\(address):8081/", from: "outside") == .init(peer: outside, trace: ""))
      #expect(try await pods.sight("http://\(address):8081/", from: "client") == .init(peer: client, trace: ""))

      try await checkIPv6(pods)
      try await checkExternal(pods)
      try await checkUninstalled(pods)
    }
  }

  /// The pod's address of IPv6, through both proxies.
  private func checkIPv6(_ pods: TrafficPods) async throws {
    guard let address = await pods.rig.node.sandbox(of: "web", in: pods.rig.namespace)?.address6 else { return }
    let counter = "cluster.outbound_passthrough_ipv6.upstream_cx_total"
    let passed = try await pods.counter(counter, of: "client")
    let sight = try #require(try await pods.sight("http://[\(address)]:8080/", from: "client"))
    #expect(sight.peer == "::6")
    #expect(try await pods.counter(counter, of: "client") == passed + 1)
    let excluded = try #require(try await pods.sight("http://[\(address)]:8081/", from: "outside"))
    let own = await pods.rig.node.sandbox(of: "outside", in: pods.rig.namespace)?.address6
    #expect(excluded.peer == own)
  }

  /// A server outside of the cluster: passed through and counted, never traced; excluded ports and users are not counted.
  private func checkExternal(_ pods: TrafficPods) async throws {
    let network = pods.rig.network
    let number = network.hostAddress.split(separator: ".").compactMap { UInt8($0) }[2]
    let external = "203.0.113.\(number % 254 + 1)"
    let external6 = "2001:db8:\(String(number, radix: 16))::9"
    try await network.addExternalAddress(external)
    var addresses = ["\(external)=8090", "\(external)=9999"]
    if network.hostAddress6 != nil {
      try await network.addExternalAddress(external6)
      addresses.append("\(external6)=8090")
    }
    let server = try ChildProcess.start(
      ChildProcess.Command("python3", ["-c", TrafficPods.server] + addresses, output: .discard))
    defer { server.signal(.kill) }
    let client = try await pods.rig.field("pod/client", ".status.podIP")
    let counter = "cluster.outbound_passthrough_ipv4.upstream_cx_total"
    let untouched = TrafficPods.Sight(peer: client, trace: "")

    try await eventually("the server outside of the cluster") {
      try await pods.sight("http://\(external):8090/", from: "outside") != nil
    }
    let passed = try await pods.counter(counter, of: "client")
    #expect(try await pods.sight("http://\(external):8090/", from: "client") == untouched)
    #expect(try await pods.counter(counter, of: "client") == passed + 1)
    // Not redirected, so not counted: an excluded port, and an excluded user.
    #expect(try await pods.sight("http://\(external):9999/", from: "client") == untouched)
    #expect(try await pods.sight("http://\(external):8090/", from: "client", user: 1234) == untouched)
    #expect(try await pods.counter(counter, of: "client") == passed + 1)
    #expect(try await pods.sight("http://\(external):8090/", from: "client", user: 1235) == untouched)
    #expect(try await pods.counter(counter, of: "client") == passed + 2)
    // Nobody has the ClusterIP but the proxy, which this user does not reach.
    #expect(try await pods.ask("http://web/", from: "client", user: 1234).status == "000")
    if network.hostAddress6 != nil {
      let six = "cluster.outbound_passthrough_ipv6.upstream_cx_total"
      let passed = try await pods.counter(six, of: "client")
      #expect(try await pods.sight("http://[\(external6)]:8090/", from: "client")?.trace == "")
      #expect(try await pods.counter(six, of: "client") == passed + 1)
    }
  }

  /// The rules of the init container are installed once more, and removed.
  private func checkUninstalled(_ pods: TrafficPods) async throws {
    let kumactl = try TestPrograms.path("kumactl")
    let before = try await pods.run("iptables-save", "-t nat", in: "client")
    #expect(before.contains("-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND"))
    let flags =
      "--kuma-dp-uid 5678 --exclude-outbound-ports 9999 --exclude-outbound-ports-for-uids tcp:1-65535:1234"
    _ = try await pods.run(kumactl, "install transparent-proxy \(flags)", in: "client")
    let after = try await pods.run("iptables-save", "-t nat", in: "client")
    func rules(_ text: String) -> [Substring] { text.split(separator: "\n").filter { $0.hasPrefix("-A") } }
    #expect(rules(after) == rules(before))
    #expect(try await pods.sight("http://web/", from: "client") != nil)
    _ = try await pods.run(kumactl, "uninstall transparent-proxy", in: "client")
    #expect(try await !pods.run("iptables-save", "-t nat", in: "client").contains("KUMA"))
    #expect(try await pods.ask("http://web/", from: "client").status == "000")
  }

  @Test("without its proxy an application is told so at once, and others get an answer of theirs")
  func withoutSidecar() async throws {
    let cluster = try await PodCluster.shared()
    try await cluster.run { rig in
      let pods = TrafficPods(rig: rig)
      try await rig.apply(
        """
        \(TrafficPods.documents)
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: lonely}
        spec: {selector: {app: lonely}, ports: [{port: 80, targetPort: 8080, appProtocol: http}]}
        ---
        \(TrafficPods.pod(
          "lonely", labels: "app: lonely", annotations: "traffic.kuma.io/exclude-inbound-ports: '8081'",
          server: ["::=8080", "::=8081"], restarts: "Never"))
        """)
      try await rig.waitUntilReady("pod/web", "pod/client", "pod/lonely")
      try await eventually("an answer of the pod with its proxy") {
        try await pods.sight("http://lonely/", from: "client") != nil
      }
      let address = try await rig.field("pod/lonely", ".status.podIP")
      let sidecar = try #require(
        await rig.node.process(of: "lonely", in: rig.namespace, container: "kuma-sidecar"))
      kill(sidecar, SIGKILL)
      try await eventually("the end of the proxy") {
        await rig.node.process(of: "lonely", in: rig.namespace, container: "kuma-sidecar") == nil
      }
      // The application's own connections are refused at once, and so are those to it; or reset, if they were made while it ended.
      let (refused, reset) = (Int32(7), Int32(56))
      let own = try await pods.ask("http://web/", from: "lonely")
      #expect(own.status == "000" && [refused, reset].contains(own.exit), "\(own)")
      let others = try await pods.ask("http://\(address):8080/", from: "outside")
      #expect(others.status == "000" && [refused, reset].contains(others.exit), "\(others)")
      // What is excluded still works.
      #expect(try await pods.sight("http://\(address):8081/", from: "outside") != nil)
      // A caller with a proxy gets that proxy's answer.
      let answer = try await pods.ask("http://lonely/", from: "client")
      #expect(answer.status == "503", "\(answer)")
    }
  }

  @Test("of 200 connections a second for half a minute none is lost, while what is traced changes")
  func manyConnections() async throws {
    let cluster = try await PodCluster.shared()
    try await cluster.run { rig in
      let pods = TrafficPods(rig: rig)
      try await traceEverything(rig, cluster)
      try await rig.apply(TrafficPods.documents)
      try await rig.waitUntilReady("pod/web", "pod/client")
      try await eventually("an answer through both proxies") {
        try await pods.sight("http://web/", from: "client") != nil
      }
      let counter = "cluster.web_\(rig.namespace)_svc_80.upstream_rq_completed"
      let before = try await pods.counter(counter, of: "client")
      async let counted = rig.execute(
        "python3", "-c", TrafficPods.client, "http://web/", "200", "30", in: "client", container: "app")
      for (index, sampling) in ["50.0", "1.0", "100.0"].enumerated() {
        try await eventually(deadline: .seconds(120), "the next thousand connections") {
          try await pods.counter(counter, of: "client") >= before + 1000 * (index + 1)
        }
        try await cluster.server.apply(cluster.mesh(rig, sampling: sampling))
      }
      let counts = try await counted
      #expect(counts == "200=6000")
      #expect(try await pods.counter(counter, of: "client") >= before + 6000)
    }
  }
}
