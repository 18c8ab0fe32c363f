/// One event of a watch.
package enum WatchEvent: Sendable, Hashable {
  case added(KubernetesObject)
  case modified(KubernetesObject)
  /// The object as it was last, with the version of its deletion.
  case deleted(KubernetesObject)
  /// Nothing has changed up to this version.
  case bookmark(resourceVersion: String)

  /// The event with another form of its object.
  func mapObject(_ change: (KubernetesObject) -> KubernetesObject) -> WatchEvent {
    switch self {
    case .added(let object): .added(change(object))
    case .modified(let object): .modified(change(object))
    case .deleted(let object): .deleted(change(object))
    case .bookmark: self
    }
  }
}
