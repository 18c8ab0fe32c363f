import MeshAccess

extension User: CustomStringConvertible {
  /// The form that messages of Kuma have: `name/group,group`.
  package var description: String { "\(name)/\(groups.sorted().joined(separator: ","))" }
}
