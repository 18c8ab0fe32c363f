import Foundation
import HTTPTypes
import Logging
import LoopbackTestSupport
import MeshModel
import MeshTestSupport
import MeshXDS
import NIOSSL
import OrderedCollections
import Synchronization
import Testing

@testable import MeshClient
@testable import kuma_dp

/// Keeps what is logged.
final class LogRecorder: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }

  /// A logger whose lines are kept, with their levels.
  var logger: Logger { Logger(label: "test") { _ in Handler(recorder: self) } }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var logLevel: Logger.Level = .debug
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { recorder.lines.withLock { $0.append("\(event.level) \(event.message)") } }
  }
}

@Suite("Bootstrap", .timeLimit(.minutes(3)))
struct BootstrapTests {
  private static let envoy = EnvoyVersion(output: "version: abc/1.40.0/Clean/RELEASE/BoringSSL")

  private func configuration(
    _ flags: [Setting: String], environment: [String: String] = [:]
  ) throws -> LaunchConfiguration {
    var environment = environment
    environment["KUMA_CONTROL_PLANE_RETRY_BACKOFF"] = "5ms"
    if environment["KUMA_CONTROL_PLANE_RETRY_MAX_DURATION"] == nil {
      environment["KUMA_CONTROL_PLANE_RETRY_MAX_DURATION"] = "2m"
    }
    return try LaunchConfiguration(SettingReader(flags: flags, environment: environment), variables: [])
  }

  // MARK: Request

  @Test("is asked for with everything that the control plane reads")
  func request() throws {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ3ZWIifQ.c2ln"
    let folder = try TestFolder()
    let file = try folder.write(token + "\n", to: "token")
    let authority = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"
    let configuration = try configuration(
      [.dataplane: TestControlPlane.definition, .tokenFile: file],
      environment: ["KUMA_CONTROL_PLANE_CA_CERT": authority])
    let document = configuration.bootstrapRequest(envoy: try #require(Self.envoy), adminPort: 9902)
    let read = try MeshXDS.BootstrapRequest(json: document.json().utf8)
    #expect(read.mesh == "default")
    #expect(read.name == "web-1")
    #expect(read.proxyType == "dataplane")
    #expect(read.adminPort == 9902)
    #expect(read.dataplaneToken == token)
    #expect(read.dataplaneTokenPath == file)
    #expect(read.caCert == authority)
    #expect(read.version.kumaDp == ProductVersion.current)
    #expect(read.version.buildDate == BuildRecord.date)
    #expect(read.version.envoy == "1.40.0")
    #expect(read.version.envoyBuild == "abc/1.40.0/Clean/RELEASE/BoringSSL")
    #expect(read.version.isCompatible == true)
    #expect(read.dynamicMetadata == [ProxyMetadata.drainTime: "30s"])
    let resource = try #require(try ResourceDocument.all(in: read.dataplaneResource).first?.resource)
    #expect(resource == configuration.definition?.resource)
  }

  @Test("is asked for with what there is")
  func smallRequest() throws {
    let document = try configuration([.name: "web-1", .mesh: "shop"])
      .bootstrapRequest(envoy: try #require(Self.envoy), adminPort: nil)
    for key in ["adminPort", "dataplaneResource", "dataplaneToken", "dataplaneTokenPath", "caCert"] {
      #expect(document[key] == nil, "\(key)")
    }
    #expect(document["mesh"] == "shop")
    #expect(document["name"] == "web-1")
  }

  // MARK: Answer

  @Test("is read as YAML, as JSON, and in the form of newer control planes")
  func answers() throws {
    func read(_ text: String) -> Bootstrap? { Bootstrap(answer: Array(text.utf8)) }
    let camel = "node: {id: a.b}\nadmin: {address: {socketAddress: {address: 127.0.0.1, portValue: 9901}}}\n"
    #expect(read(camel)?.text == camel)
    #expect(read(camel)?.adminPort == 9901)
    let snake = "node: {id: a.b}\nadmin: {address: {socket_address: {address: 127.0.0.1, port_value: 9902}}}\n"
    #expect(read(snake)?.adminPort == 9902)
    #expect(read(#"{"node":{"id":"a.b"}}"#)?.adminPort == nil)
    #expect(
      read("node: {id: a.b}\nadmin: {address: {socketAddress: {address: 10.0.0.1, portValue: 1}}}")?.adminPort == nil)
    // "node: {id: a.b}\n" in Base64.
    #expect(read(#"{"bootstrap":"bm9kZToge2lkOiBhLmJ9Cg==","x":1}"#)?.text == "node: {id: a.b}\n")
    for text in ["", "<html></html>", "a: b", "[1]", #"{"bootstrap":"%%"}"#, #"{"bootstrap":""}"#, "node: 3", "\0"] {
      #expect(read(text) == nil, "\(text)")
    }
  }

  private static let address = "http://cp:5678"

  @Test(
    "is waited for, or not, by the status and text of the answer",
    arguments: [
      (503, "", BootstrapVerdict.later("it answered with status 503")),
      (500, "no\nstore\u{1b}", .later("it answered with status 500: no store")),
      (
        404, "",
        .later(
          "it has no Dataplane \"web\" in the mesh \"shop\"; create it with `kumactl apply`, or give its definition with "
            + "--dataplane-file")
      ),
      (
        404, "404: Page Not Found",
        .never(
          "there is no http://cp:5678/bootstrap; --cp-address has to name the port of the data plane server (5678 by "
            + "default), not that of the HTTP API (404: Page Not Found)")
      ),
      (422, "token is required", .never("the control plane at http://cp:5678 refuses the proxy: token is required")),
      (400, "", .never("the control plane at http://cp:5678 refuses the proxy: status 400")),
      (
        302, "",
        .never(
          "http://cp:5678/bootstrap was answered with status 302; --cp-address has to name the port of the data plane "
            + "server (5678 by default), not that of the HTTP API")
      ),
      (
        200, "hello",
        .never(
          "http://cp:5678/bootstrap gave something that is no configuration of Envoy; --cp-address has to name the port "
            + "of the data plane server (5678 by default), not that of the HTTP API")
      ),
    ])
  func verdicts(status: Int, body: String, expected: BootstrapVerdict) throws {
    let verdict = BootstrapVerdict(
      status: status, body: Array(body.utf8), from: try ControlPlaneAddress(Self.address), proxy: ("shop", "web"))
    #expect(verdict == expected)
  }

  // MARK: Attempts

  @Test("is fetched from the control plane's own endpoint")
  func fetched() async throws {
    try await LoopbackServer.run(TestControlPlane.responder(adminPort: 9901)) { base in
      let configuration = try configuration([.dataplane: TestControlPlane.definition, .controlPlaneAddress: base])
      let log = LogRecorder()
      let bootstrap = try await BootstrapFetcher(configuration, logger: log.logger)
        .fetch(configuration.bootstrapRequest(envoy: try #require(Self.envoy), adminPort: nil))
      #expect(bootstrap.adminPort == 9901)
      let document = try #require(try DocumentValue.yamlDocuments(bootstrap.text).first)
      #expect(document["node"]?["id"] == "default.web-1")
      #expect(document["node"]?["cluster"] == "web")
      // The control plane registers the Dataplane from here.
      let resource = try #require(document["node"]?["metadata"]?["dataplane.resource"]?.string)
      #expect(try ResourceDocument.all(in: resource).first?.resource == configuration.definition?.resource)
      #expect(log.all.isEmpty)
    }
  }

  @Test("is asked for again as long as there is none, with one line for each reason")
  func retried() async throws {
    let statuses = Mutex([503, 503, 503, 404, 404, 503, 200])
    let responder: LoopbackServer.Responder = { _, _ in
      let status = statuses.withLock { $0.removeFirst() }
      return (HTTPResponse(status: .init(code: status)), status == 200 ? Array("node: {id: a.b}\n".utf8) : [])
    }
    try await LoopbackServer.run(responder) { base in
      let configuration = try configuration([.name: "web", .controlPlaneAddress: base])
      let log = LogRecorder()
      let bootstrap = try await BootstrapFetcher(configuration, logger: log.logger).fetch([:])
      #expect(bootstrap.text == "node: {id: a.b}\n")
      let missing =
        "it has no Dataplane \"web\" in the mesh \"default\"; create it with `kumactl apply`, or give its definition with "
        + "--dataplane-file"
      #expect(
        log.all == [
          "warning no bootstrap from the control plane at \(base): it answered with status 503; trying every 5 ms, for "
            + "2 min at most",
          "warning no bootstrap from the control plane at \(base): \(missing)",
          "warning no bootstrap from the control plane at \(base): it answered with status 503",
        ])
    }
    #expect(statuses.withLock { $0.isEmpty })
  }

  @Test("is not asked for again after a refusal")
  func refused() async throws {
    let attempts = Mutex(0)
    let text = TestControlPlane.definition.replacing("mesh: default", with: "mesh: shop")
    try await LoopbackServer.run(TestControlPlane.responder(observe: { _ in attempts.withLock { $0 += 1 } })) { base in
      let configuration = try configuration([.dataplane: text, .controlPlaneAddress: base])
      let log = LogRecorder()
      let failure = await #expect(throws: LaunchFailure.self) {
        try await BootstrapFetcher(configuration, logger: log.logger)
          .fetch(configuration.bootstrapRequest(envoy: try #require(Self.envoy), adminPort: nil))
      }
      #expect(failure?.code == .refused)
      #expect(
        failure?.description
          == "the control plane at \(base) refuses the proxy: mesh: mesh \"shop\" does not exist")
      #expect(log.all.isEmpty)
    }
    #expect(attempts.withLock { $0 } == 1)
  }

  @Test("is not asked for again when the port speaks no TLS")
  func plaintext() async throws {
    try await LoopbackServer.run(TestControlPlane.responder()) { base in
      let configuration = try configuration(
        [.name: "web", .controlPlaneAddress: base.replacing("http://", with: "https://")])
      let log = LogRecorder()
      let failure = await #expect(throws: LaunchFailure.self) {
        try await BootstrapFetcher(configuration, logger: log.logger).fetch([:])
      }
      #expect(failure?.code == .refused)
      let text = failure?.description ?? ""
      #expect(text.contains("of 127.0.0.1 speaks no TLS"), "\(text)")
      #expect(text.contains("(5678 by default)") && text.contains("http://"), "\(text)")
      #expect(log.all.isEmpty)
    }
  }

  @Test("is given up after a time, with the last reason")
  func givenUp() async throws {
    let occupied = try OccupiedPort()
    defer { withExtendedLifetime(occupied) {} }
    let port = occupied.number
    let configuration = try configuration(
      [.name: "web", .controlPlaneAddress: "http://127.0.0.1:\(port)"],
      environment: ["KUMA_CONTROL_PLANE_RETRY_MAX_DURATION": "40ms"])
    let log = LogRecorder()
    let failure = await #expect(throws: LaunchFailure.self) {
      try await BootstrapFetcher(configuration, logger: log.logger).fetch([:])
    }
    #expect(failure?.code == .noControlPlane)
    #expect(
      failure?.description
        == "no bootstrap from the control plane at http://127.0.0.1:\(port) within 40 ms: connection refused")
    #expect(log.all.count <= 1)
  }

  @Test("is not asked for any more when the run is given up")
  func cancelled() async throws {
    let isAsked = Mutex(false)
    let responder: LoopbackServer.Responder = { _, _ in
      isAsked.withLock { $0 = true }
      return (HTTPResponse(status: .serviceUnavailable), [])
    }
    try await LoopbackServer.run(responder) { base in
      var configuration = try configuration([.name: "web", .controlPlaneAddress: base])
      configuration.retry = BootstrapFetcher.Retry(backoff: .seconds(3600), limit: .seconds(36_000))
      let fetcher = BootstrapFetcher(configuration, logger: LogRecorder().logger)
      let result = await withTaskGroup(of: LaunchFailure.Code?.self) { group in
        group.addTask {
          do throws(LaunchFailure) {
            _ = try await fetcher.fetch([:])
            return nil
          } catch {
            return error.code
          }
        }
        while !isAsked.withLock({ $0 }) { await Task.yield() }
        group.cancelAll()
        return await group.next() ?? nil
      }
      #expect(result == .interrupted)
    }
  }

  // MARK: TLS

  @Test("comes over TLS, verified where the authority is known and taken as it is where not")
  func secured() async throws {
    let authority = try TestAuthority(for: "localhost")
    try await LoopbackServer.run(server: try authority.server(), TestControlPlane.responder(isTLS: true)) { base in
      let address = base.replacing("http://127.0.0.1", with: "https://localhost")
      func fetch(_ pem: String?) async throws -> Bootstrap {
        let configuration = try configuration(
          [.dataplane: TestControlPlane.definition, .controlPlaneAddress: address],
          environment: pem.map { ["KUMA_CONTROL_PLANE_CA_CERT": $0] } ?? [:])
        return try await BootstrapFetcher(configuration, logger: LogRecorder().logger)
          .fetch(configuration.bootstrapRequest(envoy: try #require(Self.envoy), adminPort: nil))
      }
      #expect(try await fetch(nil).text.contains("ads_cluster"))
      #expect(try await fetch(authority.certificate).text.contains("ads_cluster"))
      let other = try TestAuthority(for: "localhost").certificate
      let failure = await #expect(throws: LaunchFailure.self) { try await fetch(other) }
      #expect(failure?.code == .refused)
      #expect(
        failure?.description
          == "the control plane at \(address) is not trusted: its certificate is signed by nobody that is trusted here; "
          + "correct --ca-cert-file or the host in --cp-address")
      let broken = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"
      let unreadable = await #expect(throws: LaunchFailure.self) { try await fetch(broken) }
      #expect(unreadable?.description.hasPrefix("the CA certificate cannot be read as PEM") == true)
    }
  }

  @Test(
    "does not come from a control plane whose certificate is out of date, which is said with the date",
    arguments: [(-7200.0, -3600.0, "expired on ", -3600.0), (3600.0, 7200.0, "is not valid before ", 3600.0)])
  func outOfDate(_ begin: Double, _ end: Double, _ words: String, _ offset: Double) async throws {
    let authority = try TestAuthority(for: "localhost", from: begin, to: end)
    let trusted = try TestAuthority(for: "localhost").certificate
    try await LoopbackServer.run(server: try authority.server(), TestControlPlane.responder(isTLS: true)) { base in
      // Whether it is trusted or not: what can be mended first is told first.
      for pem in [authority.certificate, trusted] {
        let configuration = try configuration(
          [.name: "web", .controlPlaneAddress: base.replacing("http://127.0.0.1", with: "https://localhost")],
          environment: ["KUMA_CONTROL_PLANE_CA_CERT": pem])
        let failure = await #expect(throws: LaunchFailure.self) {
          try await BootstrapFetcher(configuration, logger: LogRecorder().logger).fetch([:])
        }
        let text = try #require(failure?.description)
        let date = try #require(text.firstRange(of: words).map { text[$0.upperBound...].prefix { $0 != ";" } })
        let time = try #require(Timestamp(String(date)))
        #expect(abs(Double(time.seconds) - Date.now.timeIntervalSince1970 - offset) < 1800, "\(text)")
        #expect(text.contains("its certificate \(words)"))
        #expect(text.hasSuffix("renew it, or correct the clock of this machine"))
      }
    }
  }

  @Test("says so when the certificate authority that is trusted has expired")
  func expiredAuthority() async throws {
    let authority = try TestAuthority(for: "localhost")
    let expired = try TestAuthority(for: "localhost", from: -7200, to: -3600).certificate
    try await LoopbackServer.run(server: try authority.server(), TestControlPlane.responder(isTLS: true)) { base in
      let client = ControlPlaneClient(
        address: try ControlPlaneAddress(base.replacing("http://127.0.0.1", with: "https://localhost")),
        settings: ControlPlaneClient.Settings(caCertificates: expired))
      let error = await #expect(throws: ControlPlaneError.self) { try await client.exchange(.get, "/") }
      #expect(error?.reason.hasPrefix("the CA certificate that is trusted here expired on ") == true)
      #expect(error?.isOutOfDate == true)
    }
  }

  @Test("reads the dates of certificates however they are cut")
  func certificateDates() throws {
    let authority = try TestAuthority(for: "localhost", from: -7200, to: -3600)
    let certificate = try #require(try NIOSSLCertificate.fromPEMBytes(Array(authority.certificate.utf8)).first)
    let bytes = try certificate.toDERBytes()
    let validity = try #require(CertificateValidity(der: bytes))
    #expect(validity.end.secondsSince(validity.begin) == 3600)
    #expect(validity.fault(at: validity.end) == nil)
    #expect(validity.fault(at: Timestamp(seconds: validity.end.seconds + 1))?.hasPrefix("expired on ") == true)
    #expect(validity.fault(at: Timestamp(seconds: validity.begin.seconds - 1))?.contains("not valid before") == true)
    for count in bytes.indices {
      _ = CertificateValidity(der: Array(bytes[..<count]))
      var changed = bytes
      changed[count] ^= 0xff
      _ = CertificateValidity(der: changed)
    }
    #expect(CertificateValidity(der: []) == nil)
    #expect(CertificateValidity(der: Array(bytes.prefix(60))) == nil)
  }

  @Test("does not come from a control plane with another name")
  func misnamed() async throws {
    let authority = try TestAuthority(for: "cp.example.com")
    try await LoopbackServer.run(server: try authority.server(), TestControlPlane.responder(isTLS: true)) { base in
      let configuration = try configuration(
        [.name: "web", .controlPlaneAddress: base.replacing("http://127.0.0.1", with: "https://localhost")],
        environment: ["KUMA_CONTROL_PLANE_CA_CERT": authority.certificate])
      let failure = await #expect(throws: LaunchFailure.self) {
        try await BootstrapFetcher(configuration, logger: LogRecorder().logger).fetch([:])
      }
      #expect(failure?.description.contains("its certificate is not for localhost") == true)
    }
  }
}
