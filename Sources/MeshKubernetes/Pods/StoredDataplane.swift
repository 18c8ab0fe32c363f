import Documents
import KubernetesAPI
import MeshModel
import OrderedCollections

/// What matters of a Dataplane in the cluster.
struct StoredDataplane: Sendable, Hashable {
  /// The object that is responsible for the Dataplane.
  struct Controller: Sendable, Hashable {
    var apiVersion: String
    var kind: String
    var name: String
    var uid: String
  }

  /// The uid; empty while it is not known.
  var uid: String
  var mesh: String
  /// What it says; `nil` when it cannot be read.
  var content: Dataplane?
  var controller: Controller?
  var isBeingDeleted: Bool

  /// Reads an object.
  init(_ object: KubernetesObject) {
    uid = object.uid
    isBeingDeleted = object.isBeingDeleted
    let resource = try? ResourceDocument(stored: object.document).resource
    mesh = resource?.mesh ?? object["mesh"]?.string ?? ""
    content = resource?.content()
    controller = (object.metadata["ownerReferences"]?.array ?? [])
      .first { $0["controller"]?.bool == true }
      .map { reference in
        func text(_ key: String) -> String { reference[key]?.string ?? "" }
        return Controller(apiVersion: text("apiVersion"), kind: text("kind"), name: text("name"), uid: text("uid"))
      }
  }

  /// What is there after a write.
  init(_ write: PodPlan.DataplaneWrite, uid: String) {
    self.uid = uid
    mesh = write.mesh
    content = write.dataplane
    controller = Controller(apiVersion: "v1", kind: "Pod", name: write.pod.name, uid: write.podUID)
    isBeingDeleted = false
  }

  /// Whether another one differs only in its identity.
  func saysSame(as other: StoredDataplane?) -> Bool {
    guard let other else { return false }
    return mesh == other.mesh && content == other.content && controller == other.controller
      && isBeingDeleted == other.isBeingDeleted
  }

  /// Whether it was made for a pod of its name.
  func belongs(toPod name: ObjectName) -> Bool { controller.map { $0.isPod(name) } ?? false }
}

extension StoredDataplane.Controller {
  /// Whether it is a pod of a name. A pod that was made anew under its name takes over its Dataplane. Source: Kuma 2.7.
  func isPod(_ name: ObjectName) -> Bool { kind == "Pod" && apiVersion == "v1" && self.name == name.name }
}

extension Dataplane {
  /// An address to which requests go.
  private struct Endpoint: Hashable {
    var service: String
    var address: String
    var port: UInt32
  }

  private var healthyEndpoints: Set<Endpoint> {
    guard let networking else { return [] }
    var endpoints: Set<Endpoint> = []
    for inbound in networking.inbound where inbound.isHealthy {
      let address = inbound.address.isEmpty ? networking.address : inbound.address
      endpoints.insert(
        Endpoint(service: inbound.tags[TagName.service] ?? "", address: address, port: inbound.port))
    }
    return endpoints
  }

  /// Whether another form in its place takes away an address to which requests go.
  func losesAddress(becoming other: Dataplane) -> Bool { !healthyEndpoints.isSubset(of: other.healthyEndpoints) }
}
