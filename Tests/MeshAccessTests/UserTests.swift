import Testing

@testable import MeshAccess

@Suite("Users") struct UserTests {
  @Test("who shows nothing is no administrator and not authenticated")
  func anonymous() {
    #expect(User.anonymous.groups.isDisjoint(with: User.admin.groups))
  }
}
