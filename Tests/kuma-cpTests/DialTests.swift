import Glibc
import MeshAccess
import MeshModel
import TestSupport
import Testing

@testable import kuma_cp

/// What the control plane dials is what SECURITY.md says; `Scripts/check-dials.py` compares that with the sources.
@Suite("Addresses that policies and proxies name", .timeLimit(.minutes(15)))
struct DialTests {
  /// A socket that listens, and that nobody accepts connections of: they wait in it and are counted.
  private final class Listener: Sendable {
    struct Failed: Error {}

    let port: Int
    private let descriptor: Int32

    init() throws {
      let made = socket(
        AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
      var (address, length) = (Self.address(port: 0), socklen_t(MemoryLayout<sockaddr_in>.size))
      let isListening = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(made, $0, length) == 0 && getsockname(made, $0, &length) == 0 && listen(made, 64) == 0
        }
      }
      descriptor = made
      port = Int(UInt16(bigEndian: address.sin_port))
      guard isListening else { throw Failed() }
    }

    deinit { close(descriptor) }

    private static func address(port: Int) -> sockaddr_in {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(UInt16(port)).bigEndian
      address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
      return address
    }

    /// Connects to it, and closes the connection.
    func dial() throws {
      let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      defer { close(made) }
      var address = Self.address(port: port)
      let isConnected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(made, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
      guard isConnected else { throw Failed() }
    }

    /// How many connections have come since the last question.
    func connections() -> Int {
      var count = 0
      while case let connection = accept(descriptor, nil, nil), connection >= 0 {
        close(connection)
        count += 1
      }
      return count
    }
  }

  @Test("are not dialled") func listeners() async throws {
    let (listener, administration) = (try Listener(), try Listener())
    try await RunningPipeline.with(settings: ["apiServer.authn.localhostIsAdmin": "true"]) { server in
      func put(_ path: String, _ body: String) async throws {
        let answer = try await server.request("PUT", server.base(.api) + path, token: nil, body: body)
        #expect([200, 201].contains(answer.status), "\(answer.body)")
      }
      try await put(
        "/meshes/default",
        """
        {"type": "Mesh", "name": "default", "tracing": {"defaultBackend": "other", "backends": [{"name": "other",
        "type": "zipkin", "conf": {"url": "http://127.0.0.1:\(listener.port)/api/v2/spans", "apiVersion": "httpJson"}}]}}
        """)
      try await put(
        "/meshes/default/dataplanes/web",
        """
        {"type": "Dataplane", "mesh": "default", "name": "web", "networking": {"address": "127.0.0.1",
        "admin": {"port": \(administration.port)}, "inbound": [{"port": \(listener.port), "servicePort": \(listener.port),
        "tags": {"kuma.io/service": "web", "kuma.io/protocol": "http"}}]}}
        """)
      try await put(
        "/meshes/default/traffic-traces/all",
        """
        {"type": "TrafficTrace", "mesh": "default", "name": "all", "selectors": [{"match": {"kuma.io/service": "*"}}],
        "conf": {"backend": "other"}}
        """)
      // Who inspects waits until the change has been applied. The Envoy of a proxy that is not connected is not asked.
      for path in ["_tracing", "xds", "stats", "clusters"] {
        _ = try await server.request("GET", server.base(.api) + "/meshes/default/dataplanes/web/\(path)", token: nil)
      }
      for listener in [listener, administration] {
        #expect(listener.connections() == 0)
        try listener.dial()
        #expect(listener.connections() == 1, "a connection would have been counted")
      }
    }
  }
}
