import MeshStore
import MeshTestSupport
import PostgresTestSupport
import Testing

@testable import MeshStorePostgres

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Several hosts of one database.
@Suite("Hosts of a database", .timeLimit(.minutes(15))) struct PostgresHostsTests {
  private static func configuration(_ host: String, port: Int = 5432) -> PostgresConfiguration {
    PostgresConfiguration(
      host: host, port: port, user: PostgresServer.user, password: PostgresServer.password, database: "postgres",
      connectionTimeout: .seconds(10))
  }

  @Test(
    "are separated by commas, and share the time of an attempt",
    arguments: [
      ("db", ["db"], 10_000), ("a,b", ["a", "b"], 5_000), (" a , b,, c ", ["a", "b", "c"], 3_333), (",", [","], 10_000),
      ("/run/my sockets", ["/run/my sockets"], 10_000),
    ] as [(String, [String], Int)])
  func list(host: String, hosts: [String], milliseconds: Int) {
    let all = Self.configuration(host).perHost
    #expect(all.map(\.host) == hosts)
    #expect(all.allSatisfy { Int($0.attemptTimeout / .milliseconds(1)) == milliseconds })
    #expect(all.allSatisfy { $0.connectionTimeout == .seconds(10) }, "an answer may take as long as ever")
  }

  @Test(
    "that cannot be reached come with what to do",
    arguments: [
      (5432, "Connection refused", "; try again when it is back"),
      (15432, "Connection refused", "set store.postgres.port: PostgreSQL's own is 5432, and 15432 the default of Kuma"),
      (
        15432, "FATAL:  password authentication failed for user",
        "or the password, for which there is KUMA_STORE_POSTGRES_PASSWORD"
      ),
    ] as [(Int, String, String)])
  func advice(port: Int, message: String, expected: String) {
    let error = StoreError(
      PostgresFailure(.unreachable, message), Self.configuration("db", port: port), doing: "read")
    #expect(error.message.hasSuffix(expected), "\(error.message)")
  }

  @Test("one that says nothing leaves the others their time, and one that was lost is tried last") func silent()
    async throws
  {
    let server = try await PostgresServer.shared()
    // The kernel takes connections for it, and nobody ever speaks.
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(listener >= 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(server.port).bigEndian)
    address.sin_addr = in_addr(s_addr: UInt32(0x7f00_0003).bigEndian)
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(bound == 0 && listen(listener, 8) == 0)

    let hosts = PostgresHosts(Self.configuration("127.0.0.3,127.0.0.1", port: server.port))
    #expect(hosts.order == [0, 1])
    let connection = try hosts.open(or: WakeSignal()) { false }
    #expect(connection.host == 1)
    #expect(hosts.order == [1, 0], "the next attempt begins with the one that answered")
    hosts.lost(connection)
    #expect(hosts.order == [0, 1])
    hosts.lost(connection)
    #expect(hosts.order == [0, 1], "another connection to the same host tells nothing new")

    let gone = PostgresHosts(Self.configuration("127.0.0.4,127.0.0.5", port: server.port))
    do {
      _ = try gone.open(or: WakeSignal()) { false }
      Issue.record("there is a server where nobody listens")
    } catch {
      #expect(error.kind == .unreachable)
      #expect(error.message.contains("127.0.0.4: ") && error.message.contains("127.0.0.5: "), "\(error.message)")
    }
  }
}
