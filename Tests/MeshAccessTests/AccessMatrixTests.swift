import Testing

@testable import MeshAccess

@Suite("The access matrix") struct AccessMatrixTests {
  @Test("has each operation of a server once")
  func unique() {
    for server in AccessMatrix.Server.allCases {
      let operations = AccessMatrix.standard.rows.filter { $0.server == server }.flatMap(\.operations)
      #expect(!operations.isEmpty, "\(server)")
      #expect(Set(operations).count == operations.count, "\(server)")
    }
  }

  @Test("knows nothing of an operation that no row names, and keeps servers apart")
  func absent() {
    #expect(AccessMatrix.standard.requirement(of: "GET /meshes", at: .api) == .permission(.readResources))
    #expect(AccessMatrix.standard.requirement(of: "PATCH /meshes", at: .api) == nil)
    #expect(AccessMatrix.standard.requirement(of: "GET /meshes", at: .collector) == nil)
    #expect(AccessMatrix([]).requirement(of: "GET /meshes", at: .api) == nil)
  }

  @Test("needs a permission for every write of the API")
  func writes() {
    for row in AccessMatrix.standard.rows where row.server == .api && row.requirement == .nothing {
      #expect(row.operations.allSatisfy { $0.hasPrefix("GET ") })
    }
  }
}

@Suite("Permissions") struct PermissionTests {
  private let access = StaticAccess.standard
  private let reader = User(name: "mia", groups: [User.authenticatedGroup, "team"])

  @Test("where no setting says otherwise, the administrator has all of them")
  func administrator() {
    for permission in Permission.allCases { #expect(access.allows(.admin, permission), "\(permission)") }
  }

  @Test("where no setting says otherwise, who shows nothing has none")
  func anonymous() {
    for permission in Permission.allCases { #expect(!access.allows(.anonymous, permission), "\(permission)") }
  }

  @Test("where no setting says otherwise, everybody who is authenticated reads and nobody else writes")
  func authenticated() {
    let allowed = Set(Permission.allCases.filter { access.allows(reader, $0) })
    #expect(
      allowed == [
        .viewConfigDump, .viewStats, .viewClusters, .controlPlaneMetadata, .readResources, .readTraces, .viewMetrics,
      ])
  }

  @Test("a token for spans sends spans and opens nothing else")
  func ingest() {
    #expect(Permission.allCases.filter { access.allows(.ingest(mesh: "default"), $0) } == [.ingestSpans])
  }

  @Test("are given to names and to groups, and to nobody else, administrators included")
  func lists() {
    let access = StaticAccess {
      $0 == .writePolicies ? .init(users: ["mia"], groups: ["team"]) : .init(users: [], groups: [])
    }
    #expect(access.allows(User(name: "mia", groups: []), .writePolicies))
    #expect(access.allows(User(name: "tom", groups: ["team"]), .writePolicies))
    #expect(!access.allows(User(name: "team", groups: ["mia"]), .writePolicies))
    #expect(!access.allows(.admin, .writePolicies))
    #expect(!access.allows(reader, .writeResources))
  }
}
