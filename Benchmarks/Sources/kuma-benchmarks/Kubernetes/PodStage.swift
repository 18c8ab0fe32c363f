import Foundation
import MeshModel
import ProcessSupervisor
import Synchronization

/// Plays the scheduler and the kubelet for pods, with many requests at once.
struct PodStage {
  /// A pod as the webhook leaves it.
  struct Pod {
    let name: String
    let app: String
    let address: String
    /// The node that it is bound to; without one it is gone as soon as it is deleted.
    let node: String?

    init(_ name: String, _ app: String, _ address: String, node: String? = nil) {
      (self.name, self.app, self.address, self.node) = (name, app, address, node)
    }
  }

  private let cluster: KubernetesCluster
  private let path: String
  private let namespace: String

  init(_ cluster: KubernetesCluster, namespace: String) {
    self.cluster = cluster
    self.namespace = namespace
    path = "/api/v1/namespaces/\(namespace)/pods"
  }

  /// Makes pods, and says that they run at their addresses.
  func start(_ pods: [Pod]) async throws {
    try await cluster.send(pods.map { .init("POST", path, "application/json", document($0).json()) })
    try await cluster.send(
      pods.map { .init("PATCH", "\(path)/\($0.name)/status", "application/merge-patch+json", status($0).json()) })
  }

  /// Deletes pods.
  ///
  /// - Parameter grace: how many seconds those with a node have; without any they are gone at once.
  func delete(_ names: [String], grace: Int) async throws {
    try await cluster.send(names.map { .init("DELETE", "\(path)/\($0)?gracePeriodSeconds=\(grace)", nil, nil) })
  }

  private func document(_ pod: Pod) -> DocumentValue {
    // Callers reach one service, the silent ones another.
    let service = pod.app == "caller" ? "web" : "silent"
    let containers: DocumentValue = [
      ["name": "kuma-sidecar", "image": "kuma-dp"],
      ["name": "main", "image": "main", "ports": [["name": "web", "containerPort": 8080]]],
    ]
    let spec: DocumentValue = [
      "automountServiceAccountToken": false, "containers": containers,
      "nodeName": pod.node.map { .string($0) } ?? .null,
    ]
    return [
      "apiVersion": "v1", "kind": "Pod",
      "metadata": [
        "name": .string(pod.name), "namespace": .string(namespace), "labels": ["app": .string(pod.app)],
        "annotations": [
          "kuma.io/sidecar-injected": "true", "kuma.io/mesh": "default", "kuma.io/transparent-proxying": "enabled",
          "kuma.io/transparent-proxying-inbound-port": "15006", "kuma.io/transparent-proxying-outbound-port": "15001",
          "kuma.io/transparent-proxying-reachable-services": .string("\(service)_\(namespace)_svc_80"),
        ],
      ], "spec": spec,
    ]
  }

  private func status(_ pod: Pod) -> DocumentValue {
    let containers = ["kuma-sidecar", "main"].map { name -> DocumentValue in
      ["name": .string(name), "ready": true, "restartCount": 0, "image": "", "imageID": ""]
    }
    return [
      "status": [
        "phase": "Running", "podIP": .string(pod.address), "podIPs": [["ip": .string(pod.address)]],
        "containerStatuses": .array(containers),
      ]
    ]
  }
}

extension KubernetesCluster {
  /// A request to the API server.
  struct Request {
    let method: String
    let path: String
    let contentType: String?
    let body: String?

    init(_ method: String, _ path: String, _ contentType: String?, _ body: String?) {
      (self.method, self.path, self.contentType, self.body) = (method, path, contentType, body)
    }
  }

  /// Sends requests, sixteen at a time; all must succeed. One curl sends them, over connections that it keeps.
  func send(_ requests: [Request]) async throws {
    guard !requests.isEmpty else { return }
    let transfers = requests.map { request in
      var lines = [
        "url = \"\(address)\(request.path)\"", "request = \"\(request.method)\"", "cacert = \"\(authority)\"",
        "header = \"Authorization: Bearer admin\"", "output = \"/dev/null\"", "fail", "silent", "show-error",
      ]
      if let contentType = request.contentType, let body = request.body {
        let quoted = body.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
        lines += ["header = \"Content-Type: \(contentType)\"", "data-raw = \"\(quoted)\""]
      }
      return lines.joined(separator: "\n")
    }
    let text = "parallel\nparallel-max = 16\nfail-early\n" + transfers.joined(separator: "\nnext\n")
    try await run(["curl", "--config", try write(text, as: "requests")])
  }
}

/// A client that watches the objects of a namespace, and does nothing but note when its events arrive.
final class KubernetesEvents {
  private let child: ChildProcess
  private let state: State

  private struct Seen {
    var present: Set<String> = []
    var ends: [String: ContinuousClock.Instant] = [:]
    var count = 0
  }

  private final class State: Sendable {
    private let seen = Mutex(Seen())

    func ask<Answer>(_ question: (Seen) -> sending Answer) -> sending Answer { seen.withLock { question($0) } }

    /// Takes an event, a line of JSON that begins with its type.
    func take(_ line: String, at time: ContinuousClock.Instant) {
      let isGone = line.hasPrefix("{\"type\":\"DELETED\"")
      guard let metadata = line.firstRange(of: "\"metadata\":{")?.upperBound,
        let begin = line[metadata...].firstRange(of: "\"name\":\"")?.upperBound,
        let end = line[begin...].firstIndex(of: "\"")
      else { return }
      let name = String(line[begin..<end])
      let isEnding = isGone || line.contains("\"deletionTimestamp\":")
      seen.withLock { seen in
        seen.count += 1
        if isGone { seen.present.remove(name) } else { seen.present.insert(name) }
        if isEnding, seen.ends[name] == nil { seen.ends[name] = time }
      }
    }
  }

  /// Starts it.
  ///
  /// - Parameter path: a list of the API; the watch begins with the objects that are there.
  init(_ cluster: KubernetesCluster, path: String) throws {
    let state = State()
    let words = cluster.curl("\(path)?watch=1")
    self.state = state
    child = try ChildProcess.start(
      ChildProcess.Command(
        words[0], Array(words.dropFirst()), output: .lines { state.take($0, at: .now) }, errors: .discard))
  }

  /// The names of the objects that are there.
  var present: Set<String> { state.ask { $0.present } }

  /// How many events there were.
  var count: Int { state.ask { $0.count } }

  /// When an object began to end, or was gone; `nil` before that.
  func end(of name: String) -> ContinuousClock.Instant? { state.ask { $0.ends[name] } }

  /// Ends it.
  func stop() async { _ = await child.terminate(grace: .seconds(5)) }
}
