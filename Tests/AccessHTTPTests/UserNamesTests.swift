import MeshAccess
import Testing

@testable import AccessHTTP

@Suite("Names of users") struct UserNamesTests {
  @Test("are the name and the groups in order")
  func description() {
    #expect("\(User.admin)" == "mesh-system:admin/mesh-system:admin,mesh-system:authenticated")
  }
}
