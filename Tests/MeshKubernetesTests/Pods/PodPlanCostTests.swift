import KubernetesAPI
import MeshKubernetes
import MeshModel
import Testing

@Suite("Plan for the Dataplanes of pods: what events cost")
struct PodPlanCostTests {
  /// A hundred pods of two Services in each namespace.
  private static func fleet(namespaces count: Int) -> (cluster: PlannedCluster, pods: [PodShape]) {
    var cluster = PlannedCluster()
    var pods: [PodShape] = []
    var services: [ServiceShape] = []
    let namespaces = (0..<count).map { "team-\($0)" }
    for namespace in namespaces {
      for app in ["web", "api"] {
        services.append(
          .with { ($0.name, $0.namespace, $0.selector) = (app, namespace, ["app": app]) })
        for number in 0..<50 {
          pods.append(
            .with { pod in
              (pod.name, pod.namespace, pod.uid) = ("\(app)-\(number)", namespace, "\(namespace)-\(app)-\(number)")
              pod.labels = ["app": app, "pod-template-hash": "abc"]
              pod.address = "10.\(pods.count / 250).\(pods.count % 250).1"
              pod.statuses = [("app", true, nil), ("kuma-sidecar", true, nil)]
            })
        }
      }
    }
    cluster.tell(.leads(true))
    cluster.tell(.replaced(.namespace, namespaces.map { scope("Namespace", $0) }))
    cluster.tell(.replaced(.node, []))
    cluster.tell(.replaced(.service, services.map(\.object)))
    cluster.tell(.replaced(.pod, pods.map(\.object)))
    cluster.tell(.replaced(.dataplane, []))
    return (cluster, pods)
  }

  /// The events of a pod's restart: it ends, is gone, and the next one comes up. Much of what a node tells changes nothing.
  private static func restart(_ old: PodShape, number: Int) -> [(PodShape, isGone: Bool)] {
    var ending = old
    ending.isBeingDeleted = true
    var stopped = ending
    stopped.statuses = [("app", false, nil), ("kuma-sidecar", false, nil)]
    var new = old
    (new.name, new.uid, new.address, new.statuses) = ("\(old.name)-next", "\(old.uid)-next", "", [])
    (new.isBeingDeleted, new.phase) = (false, "Pending")
    var starting = new
    starting.address = "10.200.\(number / 250).\(number % 250)"
    starting.phase = "Running"
    starting.statuses = [("app", false, nil), ("kuma-sidecar", false, nil)]
    var half = starting
    half.statuses[1].isReady = true
    var ready = half
    ready.statuses[0].isReady = true
    return [
      (ending, false), (ending, false), (stopped, false), (stopped, true), (new, false), (new, false),
      (starting, false),
      (half, false), (half, false), (ready, false), (ready, false),
    ]
  }

  @Test("Two thousand pods that restart cost four writes each, whatever their nodes tell")
  func restarts() {
    var (cluster, pods) = Self.fleet(namespaces: 20)
    #expect(cluster.settle().count == 2_000)
    let decisions = cluster.plan.decisionCount
    var writes = 0
    var deletions = 0
    for (number, pod) in pods.enumerated() {
      for (form, isGone) in Self.restart(pod, number: number) {
        if isGone { cluster.remove(form) } else { cluster.change(form) }
        let work = cluster.settle()
        writes += work.compactMap(\.write).count
        deletions += work.compactMap(\.deletion).count
      }
    }
    // Not ready, deleted; made not ready, ready.
    #expect(writes == 3 * pods.count)
    #expect(deletions == pods.count)
    #expect(cluster.dataplanes.count == pods.count)
    #expect(cluster.needlessWrites == 0)
    // Each event of a pod decides on its Dataplane, and so do each telling and each answer of a write.
    #expect(cluster.plan.decisionCount - decisions <= (8 + 4 * 2) * pods.count)
    #expect(cluster.plan.workCount == 0)
  }

  @Test("While writes wait, a pod that restarts costs one write for each name")
  func coalesced() {
    var (cluster, pods) = Self.fleet(namespaces: 5)
    cluster.settle()
    for (number, pod) in pods.enumerated() {
      for (form, isGone) in Self.restart(pod, number: number) {
        if isGone { cluster.remove(form) } else { cluster.change(form) }
      }
    }
    let work = cluster.settle()
    #expect(work.count == 2 * pods.count)
    // All addresses that are gone are taken away before anything is added.
    #expect(work.prefix(pods.count).allSatisfy { $0.deletion != nil })
    #expect(work.suffix(pods.count).allSatisfy { $0.write?.isNew == true })
  }

  @Test("A change of a Service decides on its pods alone, one of a node on the pods there")
  func concerned() {
    var (cluster, _) = Self.fleet(namespaces: 5)
    cluster.settle()
    func cost(_ change: (inout PlannedCluster) -> Void) -> Int {
      let before = cluster.plan.decisionCount
      change(&cluster)
      return cluster.plan.decisionCount - before
    }
    let service = ServiceShape.with {
      ($0.name, $0.namespace, $0.selector) = ("web", "team-3", ["app": "web"])
      $0.annotations["80.service.kuma.io/protocol"] = "grpc"
    }
    #expect(cost { $0.change(service) } == 50)
    #expect(cost { $0.tell(.changed(.service, [service.object])) } == 0)
    #expect(cost { $0.tell(.changed(.node, [scope("Node", "n1")])) } == 0)
    let terminating = scope("Namespace", "team-4", phase: "Terminating")
    #expect(cost { $0.tell(.changed(.namespace, [terminating])) } == 100)
  }
}
