/// Somebody who sends requests: a name and the groups that it belongs to. Names of groups and of the users below are Kuma's.
package struct User: Sendable, Hashable {
  /// The name.
  package var name: String
  /// The groups. Permissions are given to groups and to names.
  package var groups: Set<String>

  /// Makes a user.
  package init(name: String, groups: Set<String>) {
    self.name = name
    self.groups = groups
  }

  /// The group of administrators, who may do everything.
  package static let adminGroup = "mesh-system:admin"
  /// The group of everybody who proved who they are.
  package static let authenticatedGroup = "mesh-system:authenticated"
  /// The group of everybody who did not.
  package static let unauthenticatedGroup = "mesh-system:unauthenticated"

  /// The group of those who send spans and show a token for that. They are not authenticated for anything else.
  package static let ingestGroup = "mesh-system:ingest"

  /// The administrator.
  package static let admin = User(name: "mesh-system:admin", groups: [adminGroup, authenticatedGroup])
  /// Whoever shows a token for sending the spans of a mesh.
  package static func ingest(mesh: String) -> User { User(name: "mesh-system:ingest:\(mesh)", groups: [ingestGroup]) }
  /// Somebody who shows nothing.
  package static let anonymous = User(name: "mesh-system:anonymous", groups: [unauthenticatedGroup])
}
