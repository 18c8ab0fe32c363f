import Foundation
import MeshModel
import MeshTestSupport
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import OrderedCollections
import ProcessSupervisor
import Testing

/// What Kuma's own kuma-dp needs of the control plane, as far as it can be had without that program: its request for a
/// bootstrap, as it sends it, and a real Envoy that starts with the answer. Source of the request: Kuma 2.7.
@Suite(
  "Kuma's own kuma-dp", .fewAtATime, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct KumaDataplaneTests {
  /// The body that Kuma 2.7 sends for a Dataplane given by file, with the empty values that Go writes.
  private static func request(resource: String) -> String {
    DocumentValue.object([
      "mesh": "default", "name": "legacy", "proxyType": "dataplane", "dataplaneTokenPath": "",
      "dataplaneResource": .string(resource),
      "version": [
        "kumaDp": [
          "version": "2.7.0", "gitTag": "2.7.0", "gitCommit": "0123456789abcdef0123456789abcdef01234567",
          "buildDate": "2024-04-12T10:00:00Z",
        ],
        "envoy": [
          "version": "1.29.3", "build": "0123456789abcdef/1.29.3/Clean/RELEASE/BoringSSL", "kumaDpCompatible": true,
        ],
      ],
      "caCert": "", "dynamicMetadata": .null, "operatingSystem": "linux",
      "features": ["feature-tcp-accesslog-via-named-pipe"], "resources": ["maxHeapSizeBytes": 0],
      "workdir": "", "accessLogSocketPath": "/tmp/kuma-al-legacy-default.sock",
      "metricsResources": ["socketPath": "/tmp/kuma-mh-legacy-default.sock", "certPath": "", "keyPath": ""],
    ]).json(.indented(1))
  }

  private struct Answer {
    var head: HTTPResponseHead
    var body: ByteBuffer
  }

  /// Sends a request as Go's client does when it is given a TLS configuration: HTTP/1.1, and no protocol negotiated.
  private static func post(_ body: String, port: Int) async throws -> Answer {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    // Without --ca-cert-file the control plane is not verified.
    configuration.certificateVerification = .none
    let tls = try NIOSSLContext(configuration: configuration)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
          try pipeline.addHTTPClientHandlers()
          return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
            wrappingChannelSynchronously: channel)
        }
      }
    return try await channel.executeThenClose { inbound, outbound in
      let headers: HTTPHeaders = [
        "Host": "localhost:\(port)", "User-Agent": "Go-http-client/1.1", "Content-Length": "\(body.utf8.count)",
        "Accept": "application/json", "Content-Type": "application/json", "Accept-Encoding": "gzip",
      ]
      try await outbound.write(
        .head(HTTPRequestHead(version: .http1_1, method: .POST, uri: "/bootstrap", headers: headers)))
      try await outbound.write(.body(.byteBuffer(ByteBuffer(string: body))))
      try await outbound.write(.end(nil))
      var head: HTTPResponseHead?
      var content = ByteBuffer()
      for try await part in inbound {
        switch part {
        case .head(let received): head = received
        case .body(var bytes): content.writeBuffer(&bytes)
        case .end: return Answer(head: try #require(head), body: content)
        }
      }
      throw ControlPlaneProcess.Failure(description: "the connection ended before the answer did")
    }
  }

  @Test("its request over TLS gets a bootstrap with which a real Envoy starts and registers")
  func start() async throws {
    try await TracingSystem.run(proxies: false) { system in
      let controlPlane = system.controlPlane
      let url = system.embeddedURL
      try await controlPlane.apply(
        TracingSystem.mesh(backends: [("b", url)]) + "---\n" + TracingSystem.policy(backend: "b"))
      let free = try FreePort.take(2)
      let resource = """
        {"type":"Dataplane","mesh":"default","name":"legacy","creationTime":"0001-01-01T00:00:00Z",\
        "modificationTime":"0001-01-01T00:00:00Z","networking":{"address":"127.0.0.1","admin":{"port":\(free[1])},\
        "inbound":[{"port":\(free[0]),"servicePort":\(try await system.port(of: "web")),\
        "tags":{"kuma.io/protocol":"http","kuma.io/service":"legacy"}}]}}
        """
      // On a busy machine the control plane may give a slow connection up before the request is sent.
      let answer = try await eventually("an answer") {
        try? await Self.post(Self.request(resource: resource), port: controlPlane.ports.dataplane)
      }
      #expect(answer.head.status == .ok, "\(String(buffer: answer.body))")
      #expect(answer.head.headers.first(name: "content-type") == "application/json")
      #expect(answer.head.headers.first(name: "kuma-bootstrap-version") == "3")
      let document = try DocumentValue(json: answer.body.readableBytesView)
      #expect(document["kumaSidecarConfiguration"]?["networking"]?["isUsingTransparentProxy"] == false)
      let bootstrap = try #require(document["bootstrap"]?.string.flatMap { Data(base64Encoded: $0) })

      let file = controlPlane.home.appending(path: "legacy-bootstrap.yaml")
      try bootstrap.write(to: file)
      let log = Lines()
      // The arguments are Kuma's.
      let envoy = try ChildProcess.start(
        ChildProcess.Command(
          Programs.envoy ?? "",
          [
            "--config-path", file.path(percentEncoded: false), "--drain-time-s", "30", "--drain-strategy", "immediate",
            "--disable-hot-restart", "--log-level", "warning", "--concurrency", "1",
          ], environment: Programs.environment, output: .lines(log.append), errors: .lines(log.append)))
      let result = await Self.outcome {
        try await eventually("an answer through the listener") {
          if let status = envoy.currentExitStatus {
            throw ControlPlaneProcess.Failure(description: "Envoy \(status):\n\(log.tail())")
          }
          return try await HTTPProbe.get(port: free[0], "/legacy")?.status == 200
        }
        let proxy = try await controlPlane.get("/meshes/default/dataplanes/legacy")
        #expect(proxy["networking"]?["inbound"]?.array?.first?["tags"]?["kuma.io/service"] == "legacy")
        try await eventually("what is known of the proxy") {
          let subscription = try await controlPlane.subscription(of: "legacy")
          let total = subscription?["status"]?["total"]
          return subscription?["version"]?["kumaDp"]?["version"] == "2.7.0"
            && total?["responsesAcknowledged"] != nil && total?["responsesRejected"] == nil
        }
        let dump = try await controlPlane.get("/meshes/default/dataplanes/legacy/xds")
        #expect(dump.json().contains("\"collector_cluster\":\"tracing:b\""))
      }
      _ = await envoy.terminate(grace: .seconds(10))
      try result.get()
    }
  }

  private static func outcome(_ body: () async throws -> Void) async -> Result<Void, any Error> {
    do {
      return .success(try await body())
    } catch {
      return .failure(error)
    }
  }
}
