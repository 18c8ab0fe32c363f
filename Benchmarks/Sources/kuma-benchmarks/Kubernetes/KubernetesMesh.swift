import MeshModel
import ProxySimulation

/// The objects of a mesh as Kubernetes has them.
struct KubernetesMesh {
  /// What they say.
  let fleet: FleetMesh
  /// Where the Dataplanes are.
  let namespace: String

  /// The objects that are not in a namespace: the mesh, with a backend whose path tells a revision, and its policy.
  func shared(revision: Int) -> [DocumentValue] {
    [fleet.mesh(revision: revision).document(.kubernetes), fleet.policy.document(.kubernetes)]
  }

  /// The Dataplanes.
  var dataplanes: [DocumentValue] {
    (0..<fleet.proxyCount).map { index in
      let document = fleet.dataplane(index).document(.kubernetes)
      return [
        "apiVersion": document["apiVersion"] ?? .null, "kind": document["kind"] ?? .null,
        "mesh": document["mesh"] ?? .null,
        "metadata": ["name": .string(fleet.proxyName(index)), "namespace": .string(namespace)],
        "spec": document["spec"] ?? .null,
      ]
    }
  }

  /// How the proxies name themselves: the name of a Dataplane ends with its namespace.
  var nodeIDs: [String] { fleet.nodeIDs.map { "\($0).\(namespace)" } }
}
