import ProgramSettings
import Testing

@testable import kuma_cp

@Suite("Servers that others can reach") struct ListenerProtectionTests {
  private func check(_ environment: [String: String], isCollectorAlone: Bool = false) throws -> [String] {
    let configuration = try ControlPlaneConfiguration.load(
      file: nil, environment: environment.merging(["HOME": "/home/someone"]) { $1 }, flags: [:]
    ).configuration
    return try ListenerProtection(configuration).check(isCollectorAlone: isCollectorAlone)
  }

  @Test("on loopback nothing is refused")
  func loopback() throws {
    #expect(try check([:]).isEmpty)
    #expect(
      try check(["KUMA_API_SERVER_HTTP_INTERFACE": "127.0.0.2", "KUMA_DP_SERVER_INTERFACE": "localhost"]).isEmpty)
    #expect(try check(["KUMA_COLLECTOR_TLS_ENABLED": "false", "KUMA_COLLECTOR_OTLP_INTERFACE": "::1"]).isEmpty)
  }

  @Test("TLS with authentication is open to the network without a further word")
  func protected() throws {
    let environment = [
      "KUMA_API_SERVER_HTTPS_INTERFACE": "0.0.0.0", "KUMA_DP_SERVER_INTERFACE": "0.0.0.0",
      "KUMA_COLLECTOR_ZIPKIN_INTERFACE": "0.0.0.0", "KUMA_COLLECTOR_OTLP_INTERFACE": "::",
      "KUMA_DIAGNOSTICS_SERVER_INTERFACE": "0.0.0.0", "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "dpToken",
    ]
    #expect(try check(environment).isEmpty)
  }

  @Test(
    "a server that is open by mistake is refused, with the settings that would allow it; the explicit word allows it with a warning",
    arguments: [
      (
        "api", ["KUMA_API_SERVER_HTTP_INTERFACE": "0.0.0.0"],
        ["HTTP API", "0.0.0.0:5681", "apiServer.http.interface", "apiServer.https.interface"]
      ),
      (
        "dataplane", ["KUMA_DP_SERVER_INTERFACE": "10.0.0.1", "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "none"],
        ["data plane server", "10.0.0.1:5678", "dpServer.authn.dpProxy.type"]
      ),
      (
        "collector", ["KUMA_COLLECTOR_ZIPKIN_INTERFACE": "::", "KUMA_COLLECTOR_TLS_ENABLED": "false"],
        ["trace collector would", ":::9411", "collector.tlsEnabled"]
      ),
      (
        "otlp", ["KUMA_COLLECTOR_OTLP_INTERFACE": "0.0.0.0", "KUMA_COLLECTOR_TLS_ENABLED": "false"],
        ["trace collector for OpenTelemetry", "0.0.0.0:4318", "collector.tlsEnabled"]
      ),
    ])
  func mistakes(listener: String, environment: [String: String], words: [String]) throws {
    let failure = try #require(throws: SettingFailure.self) { try check(environment) }
    for word in words + ["add \(listener) to general.unprotectedListeners"] {
      #expect("\(failure)".contains(word), "\(failure)")
    }
    // The word for another server does not help.
    let other = listener == "api" ? "otlp" : "api"
    #expect(throws: SettingFailure.self) {
      try check(environment.merging(["KUMA_GENERAL_UNPROTECTED_LISTENERS": other]) { $1 })
    }
    let warnings = try check(environment.merging(["KUMA_GENERAL_UNPROTECTED_LISTENERS": listener]) { $1 })
    // OpenTelemetry has a port for HTTP and one for gRPC.
    #expect(warnings.count == (listener == "otlp" ? 2 : 1))
    #expect(warnings.allSatisfy { $0.contains("is open to the network") })
  }

  @Test("a collector alone is asked about its own ports only")
  func collectorAlone() throws {
    #expect(try check(["KUMA_API_SERVER_HTTP_INTERFACE": "0.0.0.0"], isCollectorAlone: true).isEmpty)
    #expect(throws: SettingFailure.self) {
      try check(
        ["KUMA_COLLECTOR_ZIPKIN_INTERFACE": "0.0.0.0", "KUMA_COLLECTOR_TLS_ENABLED": "false"], isCollectorAlone: true)
    }
  }

  @Test("a name that is not that of a server is refused")
  func names() {
    #expect(throws: SettingFailure.self) { try check(["KUMA_GENERAL_UNPROTECTED_LISTENERS": "api,everything"]) }
  }
}
