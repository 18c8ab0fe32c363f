package import MeshModel

/// Makes Dataplanes of pods and of the Services that select them. Source of all rules and texts: Kuma 2.7.
package struct PodConverter: Sendable {
  /// What the control plane's settings say about Dataplanes of pods.
  package struct Settings: Sendable {
    /// The zone of all proxies; empty for none.
    package var zone = "default"
    /// Labels that do not count in the selectors of Services (`runtime.kubernetes.injector.ignoredServiceSelectorLabels`).
    package var ignoredServiceSelectorLabels: [String] = []
    /// Labels of a node that become tags of the proxies of its pods (`runtime.kubernetes.injector.nodeLabelsToCopy`).
    package var nodeLabelsToCopy = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"]

    package init() {}
  }

  /// What becomes of a pod.
  package enum Outcome: Sendable, Hashable {
    /// The pod has a Dataplane.
    case dataplane(Dataplane, mesh: String)
    /// The pod has none; one of before is deleted.
    case none(Absence)
    /// The pod has none of which this control plane knows anything; one of before is left alone.
    case unchanged
    /// Nothing can be made of the pod. The text is that of the event.
    case failure(String)
    /// The owners of an object have to be looked up first.
    case ownerNeeded(OwnerQuery)
  }

  /// Why a pod has no Dataplane.
  package enum Absence: Sendable, Hashable {
    /// It has no sidecar.
    case notInjected
    /// All its containers have ended well.
    case succeeded
    /// It has no address yet, or none any more.
    case noAddress
    /// Its node has evicted it.
    case evicted
  }

  let settings: Settings

  /// Makes a converter.
  package init(_ settings: Settings = Settings()) { self.settings = settings }
}
