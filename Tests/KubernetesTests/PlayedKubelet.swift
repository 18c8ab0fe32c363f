import Documents
import Foundation
import KubernetesTestSupport
import OrderedCollections
import TestSupport

/// Plays the kubelet for pods that run nowhere: says that each of them runs and is ready, at an address of its own.
struct PlayedKubelet {
  let server: KubernetesServer

  /// A pod that counts as running.
  struct Pod {
    var name: String
    /// The names of its containers, in the order of the object.
    var containers: [String]
  }

  /// Waits for the pods of a namespace, and says that they run.
  ///
  /// - Parameter count: how many there are.
  @discardableResult
  func run(_ count: Int, in namespace: String) async throws -> [Pod] {
    let pods = try await eventually(deadline: .seconds(90), "\(count) pods in \(namespace)") {
      let listed = try await server.succeed(["get", "pods", "--namespace", namespace, "--output=json"])
      let pods = try DocumentValue(json: listed.utf8)["items"]?.array ?? []
      return pods.count == count ? pods : nil
    }
    var running: [Pod] = []
    for (index, object) in pods.enumerated() {
      let pod = Pod(
        name: object["metadata"]?["name"]?.string ?? "",
        containers: (object["spec"]?["containers"]?.array ?? []).compactMap { $0["name"]?.string })
      try await server.succeed([
        "patch", "pod", pod.name, "--namespace", namespace, "--subresource=status", "--type=merge", "--patch",
        Self.status(of: pod, address: "10.244.9.\(index + 1)").json(),
      ])
      running.append(pod)
    }
    return running
  }

  private static func status(of pod: Pod, address: String) -> DocumentValue {
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map { type -> DocumentValue in
      ["type": .string(type), "status": "True"]
    }
    let containers = pod.containers.map { name -> DocumentValue in
      [
        "name": .string(name), "ready": true, "started": true, "restartCount": 0, "image": "", "imageID": "",
        "state": ["running": ["startedAt": "2026-01-01T00:00:00Z"]],
      ]
    }
    return [
      "status": [
        "phase": "Running", "podIP": .string(address), "podIPs": [["ip": .string(address)]],
        "conditions": .array(conditions), "containerStatuses": .array(containers),
      ]
    ]
  }
}
