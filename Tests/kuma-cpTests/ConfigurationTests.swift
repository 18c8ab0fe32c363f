import ArgumentParser
import Foundation
import MeshModel
import MeshStorePostgres
import Testing
import TraceModel
import TraceStore

@testable import ProgramSettings
@testable import kuma_cp

@Suite("Configuration of the control plane")
struct ConfigurationTests {
  @Test("names and origins are parsed, and invalid ones are refused with their setting")
  func callers() async throws {
    let (configuration, _) = try ControlPlaneConfiguration.load(
      file: nil,
      environment: [
        "HOME": "/home/someone", "KUMA_GENERAL_ALLOWED_HOSTS": "cp.example, *.mesh.example",
        "KUMA_API_SERVER_CORS_ALLOWED_DOMAINS": "https://gui.example:3000,*",
      ], flags: [:])
    #expect(configuration.allowedHosts == ["cp.example", "*.mesh.example"])
    #expect(configuration.apiOrigins == ["https://gui.example:3000", "*"])
    for (variable, value) in [
      ("KUMA_GENERAL_ALLOWED_HOSTS", "cp.example:5681"), ("KUMA_GENERAL_ALLOWED_HOSTS", "http://cp.example"),
      ("KUMA_API_SERVER_CORS_ALLOWED_DOMAINS", "gui.example"),
      ("KUMA_API_SERVER_CORS_ALLOWED_DOMAINS", "https://gui.example/"), ("KUMA_COLLECTOR_ALLOWED_ORIGINS", ".*"),
    ] {
      let message = await failure(environment: [variable: value])
      #expect(message?.contains(variable) == true && message?.contains("\"\(value)\"") == true, "\(variable) \(value)")
    }
  }

  @Test("a key of tags or parameters that is none is refused with its setting and what to write")
  func privacyKeys() async {
    for variable in ["QUERY_KEYS", "TAG_KEYS", "KEEP_KEYS"].map({ "KUMA_COLLECTOR_PRIVACY_\($0)" }) {
      let message = await failure(environment: [variable: "iban, -_"])
      #expect(message?.contains(variable) == true && message?.contains("\"-_\" is no key; give keys") == true)
      #expect(await failure(environment: [variable: "iban, "]) == nil)
    }
  }

  @Test("this machine's names are its own and those that its table of hosts has for its addresses")
  func machineNames() {
    let names = ControlPlaneIdentity.machineNames(
      table:
        "127.0.0.1 localhost loop.example # mine\n::1\tsix\n203.0.113.9 elsewhere\n#127.0.0.1 comment\n\n127.0.1.1\n")
    #expect(names.isSuperset(of: [ControlPlaneIdentity.hostname, "localhost", "loop.example", "six"]))
    #expect(names.isDisjoint(with: ["elsewhere", "comment", "mine", "#", "127.0.0.1"]))
  }

  @Test("the file may be in any encoding of YAML, with a byte order mark and empty documents")
  func encodings() async throws {
    let text = "\u{feff}---\n---\napiServer:\n  http: {port: 0x1F90}\nmultizone: {zone: {name: \"on\"}}\n---\n"
    for encoding in [String.Encoding.utf8, .utf16LittleEndian, .utf16BigEndian, .utf32LittleEndian] {
      let path = NSTemporaryDirectory() + "kuma-cp-\(UUID().uuidString).yaml"
      try #require(text.data(using: encoding)).write(to: URL(filePath: path))
      defer { try? FileManager.default.removeItem(atPath: path) }
      let (configuration, _) = try ControlPlaneConfiguration.load(file: path, environment: [:], flags: [:])
      #expect(configuration.api.port == 8080)
      #expect(configuration.zone == "on")
    }
  }

  @Test(
    "a number that does not fit is told with its place",
    arguments: ["99999999999999999999", "0xfffffffffffffffff", "1e999", ".inf"])
  func outOfRange(_ number: String) async throws {
    let text = "apiServer:\n  http:\n    port: \(number)\n"
    let message: String? = try await withFile(text) { await failure(file: $0) }
    #expect(message?.contains("line 3, column 11: ") == true, "\(message ?? "")")
  }

  @Test("everything listens on loopback at Kuma's ports by default")
  func defaults() async throws {
    let (configuration, warnings) = try ControlPlaneConfiguration.load(
      file: nil, environment: ["HOME": "/home/someone"], flags: [:])
    #expect(configuration.api == .init(host: "127.0.0.1", port: 5681))
    #expect(configuration.dataplaneServer == .init(host: "127.0.0.1", port: 5678))
    #expect(configuration.diagnostics == .init(host: "127.0.0.1", port: 5680))
    #expect(configuration.collector?.zipkin == .init(host: "127.0.0.1", port: 9411))
    #expect(configuration.collector?.otlp == .init(host: "127.0.0.1", port: 4318))
    #expect(configuration.collector?.isOTLPPortGiven == false)
    #expect(configuration.collector?.otlpGRPC == .init(host: "127.0.0.1", port: 4317))
    #expect(configuration.collector?.isOTLPGRPCPortGiven == false)
    #expect(configuration.collector?.limits == CollectorLimits())
    #expect(configuration.collector?.retention == Retention())
    #expect(configuration.collector?.allowedOrigins == [])
    #expect(configuration.store == .sqlite)
    #expect(configuration.workDirectory == "/home/someone/.local/state/kuma-trace")
    #expect(configuration.document["apiServer"]?["http"]?["port"] == 5681)
    #expect(warnings.isEmpty)
  }

  @Test(
    "each setting has Kuma's variable",
    arguments: [
      ("apiServer.http.port", "KUMA_API_SERVER_HTTP_PORT"),
      ("apiServer.http.interface", "KUMA_API_SERVER_HTTP_INTERFACE"),
      ("dpServer.port", "KUMA_DP_SERVER_PORT"),
      ("diagnostics.serverPort", "KUMA_DIAGNOSTICS_SERVER_PORT"),
      ("store.type", "KUMA_STORE_TYPE"),
      ("store.postgres.host", "KUMA_STORE_POSTGRES_HOST"),
      ("store.postgres.dbName", "KUMA_STORE_POSTGRES_DB_NAME"),
      ("store.postgres.connectionTimeout", "KUMA_STORE_POSTGRES_CONNECTION_TIMEOUT"),
      ("store.postgres.maxOpenConnections", "KUMA_STORE_POSTGRES_MAX_OPEN_CONNECTIONS"),
      ("store.postgres.maxIdleConnections", "KUMA_STORE_POSTGRES_MAX_IDLE_CONNECTIONS"),
      ("store.postgres.minReconnectInterval", "KUMA_STORE_POSTGRES_MIN_RECONNECT_INTERVAL"),
      ("store.postgres.tls.mode", "KUMA_STORE_POSTGRES_TLS_MODE"),
      ("store.postgres.tls.caPath", "KUMA_STORE_POSTGRES_TLS_CA_PATH"),
      ("general.workDir", "KUMA_GENERAL_WORK_DIR"),
      ("environment", "KUMA_ENVIRONMENT"),
      ("store.kubernetes.systemNamespace", "KUMA_STORE_KUBERNETES_SYSTEM_NAMESPACE"),
      ("runtime.kubernetes.controlPlaneServiceName", "KUMA_RUNTIME_KUBERNETES_CONTROL_PLANE_SERVICE_NAME"),
      ("runtime.kubernetes.skipMeshOwnerReference", "KUMA_RUNTIME_KUBERNETES_SKIP_MESH_OWNER_REFERENCE"),
      ("runtime.kubernetes.admissionServer.address", "KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_ADDRESS"),
      ("runtime.kubernetes.admissionServer.port", "KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_PORT"),
      ("runtime.kubernetes.admissionServer.certDir", "KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_CERT_DIR"),
      ("runtime.kubernetes.clientConfig.qps", "KUMA_RUNTIME_KUBERNETES_CLIENT_CONFIG_QPS"),
      ("runtime.kubernetes.clientConfig.burstQps", "KUMA_RUNTIME_KUBERNETES_CLIENT_CONFIG_BURST_QPS"),
      ("runtime.kubernetes.leaderElection.leaseDuration", "KUMA_RUNTIME_KUBERNETES_LEADER_ELECTION_LEASE_DURATION"),
      ("runtime.kubernetes.leaderElection.renewDeadline", "KUMA_RUNTIME_KUBERNETES_LEADER_ELECTION_RENEW_DEADLINE"),
      ("defaults.skipMeshCreation", "KUMA_DEFAULTS_SKIP_MESH_CREATION"),
      ("collector.enabled", "KUMA_COLLECTOR_ENABLED"),
      ("collector.zipkinPort", "KUMA_COLLECTOR_ZIPKIN_PORT"),
      ("collector.zipkinInterface", "KUMA_COLLECTOR_ZIPKIN_INTERFACE"),
      ("collector.otlpPort", "KUMA_COLLECTOR_OTLP_PORT"),
      ("collector.otlpGrpcPort", "KUMA_COLLECTOR_OTLP_GRPC_PORT"),
      ("collector.otlpEnabled", "KUMA_COLLECTOR_OTLP_ENABLED"),
      ("collector.retention.maxAge", "KUMA_COLLECTOR_RETENTION_MAX_AGE"),
      ("collector.limits.bodySize", "KUMA_COLLECTOR_LIMITS_BODY_SIZE"),
      ("multizone.zone.name", "KUMA_MULTIZONE_ZONE_NAME"),
      ("apiServer.readOnly", "KUMA_API_SERVER_READ_ONLY"),
      ("xdsServer.dataplaneDeregistrationDelay", "KUMA_XDS_SERVER_DATAPLANE_DEREGISTRATION_DELAY"),
      ("log.requests", "KUMA_LOG_REQUESTS"),
    ])
  func variables(key: String, name: String) throws {
    let setting = try #require(ControlPlaneSettings.all.first { $0.key == key })
    #expect(setting.environmentVariable == name)
  }

  @Test("flags of the commands are those of settings, and give their values")
  func flags() throws {
    let run = try #require(
      try KumaControlPlane.parseAsRoot(["run", "--api-port", "1", "--no-collector", "--log-requests", "-c", "x"])
        as? KumaControlPlane.Run)
    #expect(run.configFile == "x")
    #expect(
      run.settings.values == ["apiServer.http.port": "1", "collector.enabled": "false", "log.requests": "true"])
    let (configuration, _) = try ControlPlaneConfiguration.load(file: nil, environment: [:], flags: run.settings.values)
    #expect(configuration.collector == nil && configuration.api.port == 1 && configuration.logsRequests)
    let collector = try #require(
      try KumaControlPlane.parseAsRoot(["collector", "--max-age", "1m30s", "--no-otlp"])
        as? KumaControlPlane.Collector)
    #expect(collector.settings.values == ["collector.retention.maxAge": "1m30s", "collector.otlpEnabled": "false"])
    for settings in [KumaControlPlane.RunFlags.settings, KumaControlPlane.CollectorFlags.settings] {
      #expect(settings.allSatisfy { $0.flag != nil })
    }
  }

  @Test("every setting is read from its variable", arguments: ControlPlaneSettings.all.map(\.key))
  func everyVariableIsRead(key: String) throws {
    let setting = try #require(ControlPlaneSettings.all.first { $0.key == key })
    let variable = try #require(setting.environmentVariable)
    #expect(SettingSource.environment([variable: "given"]).given(setting)?.text == "given")
  }

  @Test("flags win over the environment, which wins over the file")
  func precedence() async throws {
    let file = """
      apiServer:
        http: {port: 1001}
      dpServer: {port: 1002}
      diagnostics: {serverPort: 1003}
      """
    try await withFile(file) { path in
      let (configuration, _) = try ControlPlaneConfiguration.load(
        file: path, environment: ["KUMA_API_SERVER_HTTP_PORT": "2001", "KUMA_DP_SERVER_PORT": "2002"],
        flags: ["apiServer.http.port": "3001"])
      #expect(configuration.api.port == 3001)
      #expect(configuration.dataplaneServer.port == 2002)
      #expect(configuration.diagnostics.port == 1003)
    }
  }

  @Test("a key that is not known is named with the nearest one")
  func unknownKey() async throws {
    try await withFile("apiServer:\n  http:\n    prot: 1\n") { path in
      let message = await failure(file: path)
      #expect(message == "\(path): unknown key apiServer.http.prot; did you mean apiServer.http.port?")
    }
  }

  @Test(
    "a section given as a value, and a value given as a list, are refused",
    arguments: [
      ("apiServer: 5\n", "apiServer has to hold keys and values (http, readOnly, "),
      ("dpServer:\n  port: [1]\n", "dpServer.port has to be a single value"),
      ("- 1\n", "has to hold keys and values"), ("a: [\n", "is not valid YAML"), ("a: 1\n---\nb: 2\n", "2 documents"),
    ])
  func wrongShape(text: String, part: String) async throws {
    try await withFile(text) { path in
      let message = try #require(await failure(file: path))
      #expect(message.contains(part), "\(message)")
    }
  }

  @Test("an empty file is valid", arguments: ["", "---\n", "# nothing\n"])
  func emptyFile(text: String) async throws {
    try await withFile(text) { path in #expect(await failure(file: path) == nil) }
  }

  @Test(
    "a bad value names its place",
    arguments: [
      ("KUMA_DP_SERVER_PORT", "65536"), ("KUMA_DP_SERVER_PORT", "http"), ("KUMA_DP_SERVER_PORT", ""),
      ("KUMA_API_SERVER_HTTP_INTERFACE", "example.com"), ("KUMA_STORE_TYPE", "redis"),
      ("KUMA_COLLECTOR_ENABLED", "maybe"), ("KUMA_XDS_SERVER_DATAPLANE_DEREGISTRATION_DELAY", "soon"),
      ("KUMA_LOG_LEVEL", "loud"), ("KUMA_COLLECTOR_RETENTION_MAX_SIZE", "big"),
      ("KUMA_COLLECTOR_RETENTION_MAX_SIZE", "9999999999999GiB"), ("KUMA_COLLECTOR_LIMITS_BODY_SIZE", "1"),
      ("KUMA_COLLECTOR_LIMITS_SERVICES", "0"), ("KUMA_COLLECTOR_RETENTION_MAX_SPANS", "-1"),
      ("KUMA_COLLECTOR_ALLOWED_ORIGINS", "grafana.example"),
    ])
  func badValue(variable: String, value: String) async throws {
    let message = try #require(await failure(environment: [variable: value]))
    #expect(message.hasPrefix("\(variable): \"\(value)\""), "\(message)")
  }

  @Test("a variable that names no setting is a warning")
  func unknownVariable() async throws {
    let (_, warnings) = try ControlPlaneConfiguration.load(
      file: nil, environment: ["KUMA_API_SERVER_HTTP_PROT": "1", "PATH": "/bin"], flags: [:])
    #expect(
      warnings == [
        "the environment variable KUMA_API_SERVER_HTTP_PROT names no setting and is ignored; "
          + "did you mean KUMA_API_SERVER_HTTP_PORT?"
      ])
  }

  @Test("the database's settings are read from file and environment, and the password is shown to nobody")
  func postgres() async throws {
    let file = """
      store:
        type: postgres
        postgres:
          host: db.example.com
          port: 5433
          maxReconnectInterval: 5s
          tls: {mode: verifyFull, caPath: /ca.pem}
      """
    try await withFile(file) { path in
      let (configuration, warnings) = try ControlPlaneConfiguration.load(
        file: path,
        environment: ["KUMA_STORE_POSTGRES_PASSWORD": "a secret", "KUMA_STORE_POSTGRES_CONNECTION_TIMEOUT": "7"],
        flags: [:])
      #expect(warnings.isEmpty)
      #expect(configuration.store == .postgres)
      let database = configuration.postgres
      #expect(database.host == "db.example.com" && database.port == 5433 && database.user == "kuma")
      #expect(database.password == "a secret" && database.database == "kuma")
      #expect(database.connectionTimeout == .seconds(7) && database.maximumReconnectInterval == .seconds(5))
      #expect(database.tlsMode == .verifyFull && database.authorityPath == "/ca.pem")
      #expect(configuration.document["store"]?["postgres"]?["password"] == "*****")
      #expect(!"\(configuration)".contains("a secret"))
    }
  }

  @Test(
    "settings of the database that cannot be meant are refused",
    arguments: [
      (["MAX_OPEN_CONNECTIONS": "1"], "too few"), (["TLS_MODE": "verifyCa"], "caPath is missing"),
      (["TLS_CERT_PATH": "/c.pem"], "keyPath is missing"), (["MIN_RECONNECT_INTERVAL": "90s"], "below"),
      (["MIN_RECONNECT_INTERVAL": "0"], "above 0"), (["CONNECTION_TIMEOUT": "0"], "1 to 3600"),
      (["CONNECTION_TIMEOUT": "90m"], "1 to 3600"), (["CONNECTION_TIMEOUT": "soon"], "1 to 3600"),
      (["MAX_IDLE_CONNECTIONS": "many"], "whole number"), (["HOST": ""], "is empty"),
      (["TLS_MODE": "maybe"], "verifyFull"),
    ])
  func badDatabase(variables: [String: String], part: String) async throws {
    let environment = Dictionary(uniqueKeysWithValues: variables.map { ("KUMA_STORE_POSTGRES_" + $0.key, $0.value) })
    let message = try #require(await failure(environment: environment))
    #expect(message.contains(part), "\(message)")
  }

  @Test("a missing file is named")
  func missingFile() async {
    #expect(await failure(file: "/nowhere/kuma.yaml")?.contains("/nowhere/kuma.yaml") == true)
  }

  @Test("a certificate without a key is refused")
  func halfCertificate() async {
    #expect(
      await failure(environment: ["KUMA_GENERAL_TLS_CERT_FILE": "a.pem"])?.hasPrefix("general.tlsKeyFile is missing")
        == true)
  }

  @Test(
    "durations are read as Kuma writes them",
    arguments: [
      ("10s", Duration.seconds(10)), ("500ms", .milliseconds(500)), ("2m", .seconds(120)), ("1h", .seconds(3600)),
      ("0", .zero), ("1m30s", .seconds(90)), ("1.5h", .seconds(5400)),
    ])
  func durations(text: String, duration: Duration) async throws {
    let (configuration, _) = try ControlPlaneConfiguration.load(
      file: nil, environment: ["KUMA_XDS_SERVER_DATAPLANE_DEREGISTRATION_DELAY": text], flags: [:])
    #expect(configuration.deregistrationDelay == duration)
  }

  @Test("the collector's settings come from file, environment and flags, and say what they mean")
  func collector() async throws {
    let file = """
      collector:
        otlpPort: 14318
        otlpGrpcPort: 14317
        storeFile: /var/lib/spans.db
        allowedOrigins: "https://a.example, http://b.example:3000"
        autocompleteKeys: env,team
        retention: {maxAge: "0", maxSpans: 0, maxSize: 64MiB}
        limits: {bodySize: 64KiB, spansPerRequest: 10, tagsPerSpan: 20, services: 30, waitingSpans: 40, metricSeries: 0}
      """
    try await withFile(file) { path in
      let (configuration, _) = try ControlPlaneConfiguration.load(
        file: path, environment: ["KUMA_COLLECTOR_OTLP_INTERFACE": "0.0.0.0"],
        flags: ["collector.zipkinPort": "19411"])
      let collector = try #require(configuration.collector)
      #expect(collector.zipkin == .init(host: "127.0.0.1", port: 19_411))
      #expect(collector.otlp == .init(host: "0.0.0.0", port: 14_318))
      #expect(collector.isOTLPPortGiven)
      #expect(collector.otlpGRPC == .init(host: "0.0.0.0", port: 14_317))
      #expect(collector.isOTLPGRPCPortGiven)
      #expect(collector.storeFile == "/var/lib/spans.db")
      #expect(collector.allowedOrigins == ["https://a.example", "http://b.example:3000"])
      #expect(collector.autocompleteKeys == ["env", "team"])
      #expect(
        collector.retention == Retention(maximumSpans: nil, maximumAge: nil, maximumBytes: 64 << 20))
      let limits = collector.limits
      #expect(limits.bodyBytes == 64 << 10)
      let counts: [Int] = [
        limits.spansPerRequest, limits.tagsPerSpan, limits.services, limits.waitingSpans, limits.metricSeries,
      ]
      #expect(counts == [10, 20, 30, 40, 0])
    }
    let (off, _) = try ControlPlaneConfiguration.load(
      file: nil, environment: ["KUMA_COLLECTOR_OTLP_ENABLED": "false"], flags: [:])
    #expect(off.collector?.otlp == nil && off.collector?.otlpGRPC == nil)
    let (alone, _) = try ControlPlaneConfiguration.load(
      file: nil, environment: ["KUMA_COLLECTOR_OTLP_GRPC_ENABLED": "false"], flags: [:])
    #expect(alone.collector?.otlp != nil && alone.collector?.otlpGRPC == nil)
  }
}
