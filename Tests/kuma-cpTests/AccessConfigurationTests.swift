import MeshAccess
import ProgramSettings
import Testing

@testable import kuma_cp

@Suite("The settings of access") struct AccessConfigurationTests {
  private func load(_ environment: [String: String]) throws -> ControlPlaneConfiguration {
    let (configuration, warnings) = try ControlPlaneConfiguration.load(
      file: nil, environment: environment.merging(["HOME": "/home/someone"]) { given, _ in given }, flags: [:])
    #expect(warnings.isEmpty, "\(warnings)")
    return configuration
  }

  @Test("the collector takes TLS where clients on this machine show tokens too, unless a setting says otherwise")
  func collectorOnThisMachine() throws {
    func collector(_ environment: [String: String]) throws -> (usesTLS: Bool, warnings: [String]) {
      let (configuration, _) = try ControlPlaneConfiguration.load(
        file: nil, environment: environment.merging(["HOME": "/home/someone"]) { $1 }, flags: [:])
      let usesTLS = configuration.collector.map(ListenerProtection.collectorUsesTLS) ?? false
      return (usesTLS, try ListenerProtection(configuration).check())
    }
    #expect(try collector([:]).usesTLS == false)
    let asking = try collector(["KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN": "false"])
    #expect(asking.usesTLS && asking.warnings.isEmpty)
    let plain = try collector([
      "KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN": "false", "KUMA_COLLECTOR_TLS_ENABLED": "false",
    ])
    #expect(!plain.usesTLS)
    #expect(plain.warnings.contains { $0.hasPrefix("spans of proxies are refused") }, "\(plain.warnings)")
  }

  @Test("have Kuma's keys and defaults where Kuma has them")
  func defaults() throws {
    let access = try load([:]).access
    #expect(access.authenticationType == .tokens && access.localhostIsAdmin)
    #expect(access.makesAdminToken && access.issuesUserTokens && !access.opensMetrics)
    #expect(access.rules == .standard)
    let keys = Set(ControlPlaneSettings.all.map(\.key))
    for permission in Permission.allCases {
      for part in ["users", "groups"] { #expect(keys.contains("access.static.\(permission.rawValue).\(part)")) }
    }
  }

  @Test(
    "take Kuma's variables",
    arguments: [
      ("ADMIN_RESOURCES", Permission.adminResources), ("GENERATE_DP_TOKEN", .generateDpToken),
      ("GENERATE_USER_TOKEN", .generateUserToken), ("GET_CONFIG_DUMP", .viewConfigDump), ("VIEW_STATS", .viewStats),
      ("VIEW_CLUSTERS", .viewClusters), ("CONTROL_PLANE_METADATA", .controlPlaneMetadata),
      ("WRITE_POLICIES", .writePolicies), ("INGEST_SPANS", .ingestSpans),
    ])
  func variables(name: String, permission: Permission) throws {
    let rules = try load([
      "KUMA_ACCESS_STATIC_\(name)_USERS": "mia,tom", "KUMA_ACCESS_STATIC_\(name)_GROUPS": "team-a, team-b",
    ]).access.rules
    #expect(rules.allows(User(name: "tom", groups: []), permission))
    #expect(rules.allows(User(name: "ann", groups: ["team-b"]), permission))
    // As in Kuma, a list is the whole list.
    #expect(!rules.allows(.admin, permission))
    for other in Permission.allCases where other != permission { #expect(rules.allows(.admin, other)) }
  }

  @Test("give a permission to nobody by empty lists")
  func nobody() throws {
    let rules = try load([
      "KUMA_ACCESS_STATIC_VIEW_STATS_USERS": "", "KUMA_ACCESS_STATIC_VIEW_STATS_GROUPS": "",
    ]).access.rules
    #expect(!rules.allows(.admin, .viewStats))
  }

  @Test("know the ways to authenticate, and refuse others")
  func types() throws {
    for type in ["tokens", "adminClientCerts", "clientCerts"] {
      #expect(try load(["KUMA_API_SERVER_AUTHN_TYPE": type]).access.authenticationType.rawValue == type)
    }
    let failure = #expect(throws: SettingFailure.self) { try load(["KUMA_API_SERVER_AUTHN_TYPE": "basic"]) }
    #expect(failure?.description.contains("choose one of tokens, adminClientCerts, clientCerts") == true)
    #expect(throws: SettingFailure.self) { try load(["KUMA_ACCESS_TYPE": "dynamic"]) }
  }
}
