/// One event of a watch.
package enum WatchEvent: Sendable, Hashable {
  case added(KubernetesObject)
  case modified(KubernetesObject)
  /// The object as it was last, with the version of its deletion.
  case deleted(KubernetesObject)
  /// Nothing has changed up to this version.
  case bookmark(resourceVersion: String)
}
