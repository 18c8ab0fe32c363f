import Documents
import KubernetesAPI
import Logging
import PodNetwork
import Synchronization

/// The node on which the demo's pods run.
final class ClusterNode: Sendable {
  private let network: PodNetwork
  private let node = Mutex<(node: PodNode, life: Task<Void, Never>)?>(nil)

  /// The address of this machine that pods reach.
  var address: String { network.hostAddress }

  /// Makes the network of the pods.
  init() async throws(DemoFailure) {
    do throws(PodNetworkError) { network = try await PodNetwork.start() } catch { throw DemoFailure("\(error)") }
  }

  /// Lets pods run from now on.
  ///
  /// - Parameters:
  ///   - kubeconfig: where the API server is.
  ///   - images: what stands in the place of images.
  ///   - hosts: names that pods resolve, with their addresses.
  func start(kubeconfig: String, images: [String: ContainerImage], hosts: [String: String]) throws(DemoFailure) {
    let access: KubernetesAccess
    do throws(KubernetesAccess.Failure) { access = try .kubeconfig(path: kubeconfig) } catch {
      throw DemoFailure("\(error)")
    }
    let logger = Logger(label: "kuma-demo") { _ in SwiftLogNoOpLogHandler() }
    var settings = PodNode.Settings(name: "this-machine", namespaces: [ClusterPlan.namespace], images: images)
    settings.hosts = hosts
    let node = PodNode(
      network: network, client: KubernetesClient(access: access, userAgent: "kuma-demo", logger: logger),
      settings: settings, logger: logger)
    self.node.withLock { $0 = (node, Task { await node.run() }) }
  }

  /// Runs a command in a container, as `kubectl exec` does.
  func execute(_ command: [String], in pod: String, container: String) async throws(DemoFailure) -> [String] {
    guard let node = node.withLock({ $0?.node }) else { throw DemoFailure("the node does not run yet") }
    do throws(PodNetworkError) {
      let result = try await node.execute(command, in: pod, ClusterPlan.namespace, container: container)
      return result.output.split(separator: "\n").map(String.init)
    } catch { throw DemoFailure("\(error)") }
  }

  /// The lines that a container has written.
  func log(of pod: String, container: String) async -> [String] {
    guard let node = node.withLock({ $0?.node }) else { return [] }
    return await node.log(of: pod, in: ClusterPlan.namespace, container: container)
  }

  /// Ends all pods and removes the network.
  func end() async {
    let life = node.withLock { $0?.life }
    life?.cancel()
    await life?.value
    await network.stop()
  }
}
