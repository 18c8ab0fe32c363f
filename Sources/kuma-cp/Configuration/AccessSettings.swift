import MeshAccess
import ProgramSettings

/// The settings of who may do what over HTTP, with Kuma's keys and variables where Kuma has them.
struct AccessSettings: SettingGroup {
  let authenticationType = Setting<APIAuthentication>(
    "apiServer.authn.type", .choice, default: "tokens",
    "How users prove who they are to the HTTP API and the collector: tokens, or adminClientCerts, a client certificate alone "
      + "(clientCerts is the same).")
  let localhostIsAdmin = Setting(
    "apiServer.authn.localhostIsAdmin", .truth, default: "true",
    "Whether clients on this machine are the administrator. Set it to false where a reverse proxy or users that are not "
      + "trusted are on it.")
  let makesAdminToken = Setting(
    "apiServer.authn.tokens.bootstrapAdminToken", .truth, default: "true",
    "Whether a token of the administrator is made at the first start.")
  let issuesUserTokens = Setting(
    "apiServer.authn.tokens.enableIssuer", .truth, default: "true",
    "Whether the control plane makes a key at the first start and issues user tokens.")
  let opensMetrics = Setting(
    "diagnostics.openMetrics", .truth, default: "false",
    "Whether everybody who reaches the diagnostics server may read /metrics, without the permission viewMetrics.")
  let type = Setting<AccessStrategy>(
    "access.type", .choice, default: "static", "How access is given: static, by the lists below.")
  /// Who has each permission.
  let permissions = Permission.allCases.map { PermissionSettings(of: $0) }
}

/// How users prove who they are.
enum APIAuthentication: String, CaseIterable, Sendable {
  case tokens
  case adminClientCerts
  case clientCerts
}

/// The strategies of access.
enum AccessStrategy: String, CaseIterable, Sendable {
  case `static`
}

/// The users and groups that have one permission.
struct PermissionSettings: Sendable {
  let users: Setting<[String]>
  let groups: Setting<[String]>

  init(of permission: Permission) {
    let key = "access.static.\(permission.rawValue)"
    let variable = "KUMA_ACCESS_STATIC_\(Self.variable(of: permission))"
    users = Setting(
      "\(key).users", .list, default: permission.defaultUsers.joined(separator: ","),
      "Users with the permission: \(permission.summary)", variable: "\(variable)_USERS")
    groups = Setting(
      "\(key).groups", .list, default: permission.defaultGroups.joined(separator: ","),
      "Groups with the permission: \(permission.summary)", variable: "\(variable)_GROUPS")
  }

  /// The part of a variable's name that stands for a permission. Source: Kuma 2.7, for those that it has.
  private static func variable(of permission: Permission) -> String {
    switch permission {
    case .viewConfigDump: "GET_CONFIG_DUMP"
    default: permission.rawValue.reduce(into: "") { $0 += $1.isUppercase ? "_\($1)" : $1.uppercased() }
    }
  }
}

extension Permission {
  /// What it allows, for the list of settings.
  fileprivate var summary: String {
    switch self {
    case .adminResources: "to write and delete secrets, and to list their names."
    case .generateDpToken: "to issue tokens for proxies."
    case .generateUserToken: "to issue tokens for users, of any name and group."
    case .viewConfigDump: "to read the configuration of running Envoys."
    case .viewStats: "to read the counters of running Envoys."
    case .viewClusters: "to read the clusters of running Envoys."
    case .controlPlaneMetadata: "to read the settings of the control plane."
    case .readResources: "to read meshes, policies and proxies."
    case .writeResources: "to write meshes and Dataplanes."
    case .writePolicies: "to write policies."
    case .readTraces: "to read traces."
    case .ingestSpans: "to send spans."
    case .viewMetrics: "to read metrics."
    }
  }
}

extension SettingValues<AccessSettings> {
  /// Who has which permission.
  var rules: StaticAccess {
    StaticAccess { permission in
      guard let index = Permission.allCases.firstIndex(of: permission) else { return .init(users: [], groups: []) }
      return StaticAccess.Holders(
        users: self[dynamicMember: \.permissions[index].users],
        groups: self[dynamicMember: \.permissions[index].groups])
    }
  }
}
