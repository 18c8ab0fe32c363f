/// Names an object in a namespace.
package struct ObjectName: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The namespace; empty outside namespaces.
  package var namespace: String
  /// The name in the namespace.
  package var name: String

  /// Names an object.
  package init(namespace: String, name: String) {
    self.namespace = namespace
    self.name = name
  }

  /// By namespace, then name.
  package static func < (a: ObjectName, b: ObjectName) -> Bool { (a.namespace, a.name) < (b.namespace, b.name) }

  /// The name of a Dataplane in its mesh: that of its pod, with the namespace. Source: Kuma 2.7.
  package var dataplane: String { "\(name).\(namespace)" }

  /// Namespace and name for logs.
  package var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }
}
