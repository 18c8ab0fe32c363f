import Documents
import Foundation
import KubernetesTestSupport
import OrderedCollections
import PodNetwork
import Synchronization
import TestSupport
import Testing

/// The proxies of pods from their start to their end: which tokens open them, that jobs end, and that a service is restarted
/// without a lost request. Everything is real: webhook, kuma-dp, Envoy, rules of iptables.
@Suite(
  .onKubernetes, .inNetworkNamespaces, .cluster, .enabled(if: TestPrograms.envoyProgram != nil, "there is no Envoy"),
  .timeLimit(.minutes(60)))
struct PodProxyTests {
  // MARK: Tokens

  /// A pod whose proxy shows a token from a Secret.
  private struct Case: Sendable {
    var name: String
    /// What the control plane's log says; `nil` for a token that is accepted.
    var refusal: String?
    /// What the sidecar says.
    var answer = "authentication failed"
  }

  @Test(
    "A proxy with a wrong, foreign or expired token gets nothing, and the log says why; with its own it becomes ready")
  func tokens() async throws {
    let cluster = try await PodCluster.shared()
    let elsewhere = try await cluster.server.makeNamespace("elsewhere")
    try await cluster.run { rig in
      let namespace = rig.namespace
      let tokens = ProxyTokens(
        server: cluster.server, controlPlane: cluster.controlPlane, mesh: namespace, namespace: namespace)
      for account in ["own", "other"] { try await rig.kubectl("create", "serviceaccount", account) }
      let own = try await tokens.token(of: "own")
      let texts = [
        "good": own, "text": "no-token", "wrong": Self.signedByAnother(own), "expired": try await tokens.expired(own),
        "account": try await tokens.token(of: "other"),
        "foreign": try await eventually("a token of another namespace") {
          try? await tokens.token(of: "default", in: elsewhere)
        },
      ]
      let cases = [
        Case(name: "good", refusal: nil),
        // This one is not even sent.
        Case(name: "text", refusal: "", answer: "holds no JSON web token"),
        Case(name: "wrong", refusal: "authentication failed: token doesn't belong to a valid user"),
        Case(name: "expired", refusal: "authentication failed: token doesn't belong to a valid user"),
        Case(
          name: "account",
          refusal: #"service account name of the pod "own" is different than token that was provided "other""#),
        Case(
          name: "foreign",
          refusal: #"token belongs to a namespace "\#(elsewhere)" different from proxyId "\#(namespace)""#),
      ]
      for (name, token) in texts {
        try await rig.kubectl("create", "secret", "generic", "token-\(name)", "--from-literal=token=\(token)")
      }
      try await rig.apply(cases.map { Self.pod($0.name) }.joined(separator: "\n---\n"))
      try await rig.waitUntilReady("pod/good")
      try await checkSidecar(of: "good", rig)
      for refused in cases {
        guard let refusal = refused.refusal else { continue }
        try await eventually("\(refused.name): \(refusal)") {
          let isLogged = await rig.node.log(of: refused.name, in: namespace, container: "kuma-sidecar")
            .contains { $0.contains(refused.answer) }
          return isLogged && (refusal.isEmpty || cluster.controlPlane.log.contains { $0.contains(refusal) })
        }
        let ready = try await rig.field("pod/\(refused.name)", ".status.conditions[?(@.type=='Ready')].status")
        #expect(ready == "False", "\(refused.name)")
      }
    }
  }

  /// Expects that the sidecar's process is what the injected container says, and nothing else.
  private func checkSidecar(of pod: String, _ rig: PodRig) async throws {
    let object = try DocumentValue(json: Array(try await rig.kubectl("get", "pod", pod, "-o", "json").utf8))
    let container = try #require(
      object["spec"]?["containers"]?.array?.first { $0["name"]?.string == "kuma-sidecar" })
    let pid = try #require(await rig.node.process(of: pod, in: rig.namespace, container: "kuma-sidecar"))
    func words(_ file: String) throws -> [String] {
      let data = try Data(contentsOf: URL(filePath: "/proc/\(pid)/\(file)"))
      return data.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        .dropLast()
    }
    #expect(try words("cmdline") == ["kuma-dp"] + (container["args"]?.array ?? []).compactMap(\.string))
    var environment: [String: String] = [:]
    for variable in container["env"]?.array ?? [] {
      let path = variable["valueFrom"]?["fieldRef"]?["fieldPath"]?.string
      let fields = [
        "metadata.name": pod, "metadata.namespace": rig.namespace,
        "status.podIP": object["status"]?["podIP"]?.string ?? "",
      ]
      environment[variable["name"]?.string ?? ""] = variable["value"]?.string ?? path.flatMap { fields[$0] }
    }
    // What every container has, whatever is in it.
    for name in ["PATH", "HOME", "HOSTNAME"] { environment[name] = "" }
    var found: [String: String] = [:]
    for word in try words("environ") {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      found[parts[0]] = ["PATH", "HOME", "HOSTNAME"].contains(parts[0]) ? "" : parts[1]
    }
    #expect(found == environment)
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    #expect(status.contains("Uid:\t5678\t5678\t5678\t5678") && status.contains("CapBnd:\t0000000000000000"))
  }

  /// The same claims, with a signature that is not the cluster's.
  private static func signedByAnother(_ token: String) -> String {
    let parts = token.split(separator: ".").map(String.init)
    return parts.prefix(2).joined(separator: ".") + "." + String((parts.last ?? "").reversed())
  }

  private static func pod(_ name: String) -> String {
    """
    apiVersion: v1
    kind: Pod
    metadata:
      name: \(name)
      annotations: {kuma.io/service-account-token-volume: credentials}
    spec:
      serviceAccountName: own
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: shell, args: [-c, "exec sleep 1000"]}
      volumes:
      - {name: credentials, secret: {secretName: token-\(name)}}
    """
  }

  // MARK: Jobs

  @Test("The pods of a job end when its own containers have ended, and their Dataplanes go")
  func jobs() async throws {
    let cluster = try await PodCluster.shared()
    try await cluster.run { rig in
      try await rig.apply(
        """
        apiVersion: batch/v1
        kind: Job
        metadata: {name: once}
        spec:
          backoffLimit: 0
          template:
            spec:
              restartPolicy: Never
              containers:
              - name: work
                image: shell
                # It has worked when its proxy is there.
                args: [-c, "until curl -sf -o /dev/null http://127.0.0.1:9901/ready; do sleep 0.2; done"]
        """)
      do {
        try await eventually(deadline: .seconds(180), "the end of the job") {
          try await rig.field("job/once", ".status.succeeded") == "1"
        }
      } catch let error as NotInTime { throw PodRig.Failure(description: "\(error)") }
      let pod = try await rig.kubectl("get", "pods", "-l", "job-name=once", "-o", "jsonpath={.items[0].metadata.name}")
      #expect(try await rig.field("pod/\(pod)", ".status.phase") == "Succeeded")
      #expect(
        try await rig.field(
          "pod/\(pod)", ".status.containerStatuses[?(@.name=='kuma-sidecar')].state.terminated.exitCode") == "0")
      try await eventually("the Dataplane is gone") {
        try await rig.kubectl("get", "dataplanes", "-o", "name").isEmpty
      }
    }
  }

  // MARK: A rolling restart

  @Test("A service is restarted, pod by pod, and no request of its callers is lost")
  func rollingRestart() async throws {
    let cluster = try await PodCluster.shared()
    try await cluster.run { rig in
      try await rig.apply(Self.service)
      try await rig.waitUntilReady("deployment/web", "pod/caller")
      try await eventually("an answer of the service") {
        try await rig.isAnswered("http://web/", by: "caller", container: "caller")
      }
      func pods() async throws -> Set<String> {
        Set(
          try await rig.kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.name}")
            .split(separator: " ").map(String.init))
      }
      let before = try await pods()
      async let counted = rig.execute("python3", "-c", Self.caller, in: "caller", container: "caller")
      try await rig.kubectl("rollout", "restart", "deployment/web")
      try await rig.waitUntilReady("deployment/web")
      try await eventually(deadline: .seconds(120), "the end of the old pods") {
        try await pods().isDisjoint(with: before)
      }
      try await rig.execute("touch", "/tmp/stop", in: "caller", container: "caller")
      let counts = try DocumentValue(json: Array(try await counted.utf8))
      let others = counts.object?.filter { $0.key != "200" } ?? [:]
      #expect(others.isEmpty, "\(counts)")
      #expect(counts["200"]?.number ?? 0 > 100, "\(counts)")
      #expect(try await pods().count == 2)
    }
  }

  /// Two replicas, which go on answering for some seconds after their end was asked for, as services have to that are to lose no
  /// request; and a pod that calls them.
  private static let service = """
    apiVersion: v1
    kind: Service
    metadata: {name: web}
    spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080, appProtocol: http}]}
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 2
      selector: {matchLabels: {app: web}}
      template:
        metadata:
          labels: {app: web}
          annotations: {kuma.io/sidecar-drain-time: 5s}
        spec:
          terminationGracePeriodSeconds: 20
          containers:
          - name: web
            image: kuma-demo
            args: [service, --name, web, --address, 0.0.0.0, --port, "8080", --work, "2"]
            ports: [{containerPort: 8080}]
            readinessProbe: {httpGet: {path: /health, port: 8080}, periodSeconds: 1, timeoutSeconds: 60}
            lifecycle: {preStop: {exec: {command: [sleep, "4"]}}}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: caller}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: caller, image: shell, args: [-c, "exec sleep 1000"]}
    """

  /// Calls without a pause, on new connections and on kept ones, until a file says stop, and counts the answers by status.
  private static let caller = """
    import collections, http.client, json, os, threading
    lock, counts = threading.Lock(), collections.Counter()
    def call(keeps):
        connection = None
        while not os.path.exists("/tmp/stop"):
            try:
                connection = connection or http.client.HTTPConnection("web", 80, timeout=30)
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                result = str(answer.status)
                if not keeps or answer.getheader("connection") == "close":
                    connection.close()
                    connection = None
            except Exception as error:
                result, connection = repr(error), None
            with lock:
                counts[result] += 1
    threads = [threading.Thread(target=call, args=(keeps,)) for keeps in (True, False)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(json.dumps(counts))
    """
}
