import AsyncHTTPClient
import BoundedHTTPClient
package import MeshHTTP
import MeshModel
package import MeshPolicy
package import MeshXDS
import ServiceLifecycle
import Synchronization

/// Queries the administration interfaces of the Envoys of connected proxies.
///
/// An interface listens on the loopback address of its proxy's machine, so only Envoys on this machine can be queried. The client
/// first checks which proxy an interface belongs to. The port is only what a proxy claims, and a proxy behind a tunnel only seems
/// to be on this machine.
package final class EnvoyAdministrationClient: EnvoyAdministration, Service {
  /// Limits of a question.
  package struct Limits: Sendable {
    /// How long a complete answer may take.
    package var time = Duration.seconds(10)
    /// The size of an answer in bytes.
    package var bytes = 64 << 20
    /// Concurrent questions.
    package var questions = 8

    /// The default limits.
    package init() {}
  }

  private let address: @Sendable (ProxyID) async -> ProxyAddress?
  private let limits: Limits
  private let client: BoundedHTTPClient
  private let questions = Mutex(0)

  /// - Parameter address: the address of a proxy; `nil` if it is not connected.
  package init(
    limits: Limits = Limits(), address: @escaping @Sendable (ProxyID) async -> ProxyAddress?
  ) {
    self.limits = limits
    self.address = address
    client = BoundedHTTPClient(time: limits.time)
  }

  package func run() async throws { try await client.run() }

  package func answer(
    to question: EnvoyQuestion, of proxy: ProxyID, defaultPort: UInt16?
  ) async throws(EnvoyAdministrationError) -> [UInt8] {
    try await answer(at: question.path, of: proxy, defaultPort: defaultPort)
  }

  /// The answer of a proxy's Envoy at a path of its administration interface.
  func answer(
    at path: String, of proxy: ProxyID, defaultPort: UInt16?
  ) async throws(EnvoyAdministrationError) -> [UInt8] {
    guard let address = await address(proxy) else {
      throw EnvoyAdministrationError(
        .notConnected,
        "The proxy \(proxy.name) is not connected to this control plane, so its Envoy cannot be asked; start the proxy, "
          + "or look at its connections with kumactl inspect dataplanes.")
    }
    guard let port = address.adminPort ?? defaultPort else {
      throw EnvoyAdministrationError(
        .noInterface,
        "The Envoy of \(proxy.name) has no administration interface; start its kuma-dp without --admin-port 0.")
    }
    guard LocalMachine.has(peer: address.remotePeer) else {
      let machine = address.host ?? address.remotePeer
      throw EnvoyAdministrationError(
        .elsewhere,
        "The proxy \(proxy.name) runs on another machine, \(machine), and its Envoy's administration interface is not "
          + "exposed, since there is no mesh TLS yet to protect it; ask it there: "
          + "curl http://127.0.0.1:\(port)\(path)")
    }
    try admit()
    defer { questions.withLock { $0 -= 1 } }
    let interface = AdministrationInterface(client: client, proxy: proxy, port: port, byteLimit: limits.bytes)
    return try await inTime(interface) { interface in
      try await interface.checkIdentity()
      return try await interface.get(path)
    }
  }

  private func admit() throws(EnvoyAdministrationError) {
    guard client.isRunning else {
      throw EnvoyAdministrationError(.busy, "The control plane is starting or stopping; retry in a moment.")
    }
    let isAdmitted = questions.withLock { questions in
      guard questions < limits.questions else { return false }
      questions += 1
      return true
    }
    guard isAdmitted else {
      throw EnvoyAdministrationError(
        .busy, "\(limits.questions) questions to Envoys are running, which is the limit; retry in a moment.")
    }
  }

  private func inTime(
    _ interface: AdministrationInterface,
    _ body: @escaping @Sendable (AdministrationInterface) async throws -> [UInt8]
  ) async throws(EnvoyAdministrationError) -> [UInt8] {
    do {
      return try await client.inTime(
        { try await body(interface) },
        late: EnvoyAdministrationError(
          .timedOut, "\(interface) has not answered within \(limits.time.words); is its machine overloaded?"))
    } catch let error as EnvoyAdministrationError {
      throw error
    } catch {
      throw EnvoyAdministrationError(
        .unreachable, "\(interface) cannot be asked: \(BoundedHTTPClient.words(error)). Is its Envoy running?",
        cause: error)
    }
  }
}

private struct AdministrationInterface: Sendable, CustomStringConvertible {
  let client: BoundedHTTPClient
  let proxy: ProxyID
  let port: UInt16
  let byteLimit: Int

  var description: String { "The administration interface of \(proxy.name)'s Envoy, http://127.0.0.1:\(port)," }

  /// Checks whose Envoy this is.
  func checkIdentity() async throws {
    let answer: [UInt8]
    do {
      answer = try await get("/server_info")
    } catch let error as EnvoyAdministrationError {
      throw stranger("a program that is not an Envoy", cause: error)
    }
    let node = (try? DocumentValue(json: answer))?["node"]?["id"]?.string
    guard node != proxy.description else { return }
    throw stranger(node.map { "the Envoy of another proxy, \($0.prefix(300))" } ?? "a program that is not an Envoy")
  }

  private func stranger(_ owner: String, cause: (any Error)? = nil) -> EnvoyAdministrationError {
    EnvoyAdministrationError(
      .unexpectedAnswer,
      "127.0.0.1:\(port), where the administration interface of \(proxy.name)'s Envoy should be, belongs to \(owner); "
        + "give the proxy a port of its own with networking.admin.port or --admin-port, and restart it.", cause: cause)
  }

  func get(_ path: String) async throws -> [UInt8] {
    switch try await client.ask(HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)"), bytes: byteLimit) {
    case .body(let body): return body
    case .status(let status):
      throw EnvoyAdministrationError(.unexpectedAnswer, "\(self) has answered \(path) with status \(status).")
    case .tooLarge:
      throw EnvoyAdministrationError(
        .unexpectedAnswer,
        "\(self) has answered \(path) with more than \(byteLimit) bytes; ask it on its own machine.")
    }
  }
}

extension EnvoyQuestion {
  /// The path on the administration interface. Source: Envoy 1.40.
  fileprivate var path: String {
    switch self {
    case .configuration(let withEndpoints): withEndpoints ? "/config_dump?include_eds" : "/config_dump"
    case .statistics(let asJSON): asJSON ? "/stats?format=json" : "/stats"
    case .clusters(let asJSON): asJSON ? "/clusters?format=json" : "/clusters"
    }
  }
}
