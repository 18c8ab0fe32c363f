/// Who has which permission: users and groups by their names, as Kuma's static strategy has them.
///
/// Nobody has a permission that no list names them for, administrators included.
package struct StaticAccess: Sendable, Equatable {
  /// Those who have one permission.
  package struct Holders: Sendable, Equatable {
    /// Names of users.
    package var users: Set<String>
    /// Names of groups.
    package var groups: Set<String>

    /// Makes the holders of a permission.
    package init(users: [String], groups: [String]) {
      self.users = Set(users)
      self.groups = Set(groups)
    }
  }

  private var holders: [Permission: Holders]

  /// The access where no setting says otherwise.
  package static let standard = StaticAccess { Holders(users: $0.defaultUsers, groups: $0.defaultGroups) }

  /// Makes access from those who have each permission.
  package init<Failure: Error>(_ holders: (Permission) throws(Failure) -> Holders) throws(Failure) {
    self.holders = [:]
    for permission in Permission.allCases { self.holders[permission] = try holders(permission) }
  }

  /// Gives a permission to everybody, those included who show nothing.
  package mutating func open(_ permission: Permission) {
    holders[permission]?.groups.formUnion([User.unauthenticatedGroup, User.authenticatedGroup, User.ingestGroup])
  }

  /// Gives a permission to one more user.
  package mutating func give(_ permission: Permission, to user: User) {
    holders[permission]?.users.insert(user.name)
  }

  /// Whether a user has a permission.
  package func allows(_ user: User, _ permission: Permission) -> Bool {
    guard let holders = holders[permission] else { return false }
    return holders.users.contains(user.name) || !holders.groups.isDisjoint(with: user.groups)
  }
}
