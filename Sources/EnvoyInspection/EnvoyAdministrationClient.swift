import AsyncHTTPClient
import BoundedHTTPClient
package import MeshHTTP
import MeshModel
package import MeshPolicy
package import MeshXDS
import NIOHTTP1
import NIOSSL
import ServiceLifecycle
import Synchronization

/// Queries the administration interfaces of the Envoys of connected proxies.
///
/// An interface listens on the loopback address of its proxy's machine, so it can be queried on this machine only. The Envoy of a
/// pod passes it on to those who show a certificate of the control plane (``use(_:)``). The client first checks which proxy an
/// interface belongs to. The port is only what a proxy claims, and a proxy behind a tunnel only seems to be on this machine.
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
  private let podAddress: @Sendable (ProxyID) async -> String?
  private let limits: Limits
  private let client: BoundedHTTPClient
  private let questions = Mutex(0)
  private let credentials = Mutex<AdministrationCredentials?>(nil)

  /// - Parameters:
  ///   - address: the address of a proxy; `nil` if it is not connected.
  ///   - podAddress: the address of the pod whose Envoy passes its interface on; `nil` for a proxy elsewhere.
  package init(
    limits: Limits = Limits(), address: @escaping @Sendable (ProxyID) async -> ProxyAddress?,
    podAddress: @escaping @Sendable (ProxyID) async -> String? = { _ in nil }
  ) {
    self.limits = limits
    self.address = address
    self.podAddress = podAddress
    client = BoundedHTTPClient(time: limits.time)
  }

  /// Takes what the Envoys of pods are shown; without it, they cannot be asked.
  package func use(_ credentials: AdministrationCredentials) { self.credentials.withLock { $0 = credentials } }

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
    if let pod = await podAddress(proxy) {
      return try await ask(try interface(of: proxy.name, at: pod, port), proxy, path)
    }
    guard LocalMachine.has(peer: address.remotePeer) else {
      let machine = address.host ?? address.remotePeer
      throw EnvoyAdministrationError(
        .elsewhere,
        "The proxy \(proxy.name) runs on another machine, \(machine), and its Envoy's administration interface is not "
          + "exposed, since there is no mesh TLS yet to protect it; ask it there: "
          + "curl http://127.0.0.1:\(port)\(path)")
    }
    let interface = AdministrationInterface(
      client: client, owner: proxy.name, origin: "http://127.0.0.1:\(port)", tls: nil, byteLimit: limits.bytes)
    return try await ask(interface, proxy, path)
  }

  /// Ends the Envoy of a pod, and not that of another pod that has the address by now.
  ///
  /// - Parameters:
  ///   - name: the name of the proxy in its mesh.
  ///   - address: the address of the pod.
  ///   - port: the port of the administration interface.
  /// - Throws: ``EnvoyAdministrationError``; `busy` before the certificates are known.
  package func quit(_ name: String, address: String, port: UInt16) async throws(EnvoyAdministrationError) {
    let interface = try interface(of: name, at: address, port)
    try admit()
    defer { questions.withLock { $0 -= 1 } }
    _ = try await inTime(interface) { interface in
      try await interface.checkIdentity { ProxyID(nodeID: $0)?.name == name }
      do {
        return try await interface.send("/quitquitquit", method: .POST)
      } catch is HTTPClientError {
        // An Envoy that ends may not finish its answer. Seen with Envoy 1.40.
        return []
      }
    }
  }

  private func interface(
    of owner: String, at address: String, _ port: UInt16
  ) throws(EnvoyAdministrationError) -> AdministrationInterface {
    guard let credentials = credentials.withLock({ $0 }) else {
      throw EnvoyAdministrationError(
        .busy,
        "The control plane has not read its certificates for the Envoys of pods yet; retry in a moment, or look into its log."
      )
    }
    let host = address.contains(":") ? "[\(address)]" : address
    return AdministrationInterface(
      client: client, owner: owner, origin: "https://\(host):\(port)", tls: credentials.tls, byteLimit: limits.bytes)
  }

  private func ask(
    _ interface: AdministrationInterface, _ proxy: ProxyID, _ path: String
  ) async throws(EnvoyAdministrationError) -> [UInt8] {
    try admit()
    defer { questions.withLock { $0 -= 1 } }
    return try await inTime(interface) { interface in
      try await interface.checkIdentity { $0 == proxy.description }
      return try await interface.send(path)
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
  /// Whose Envoy should answer, in words.
  let owner: String
  let origin: String
  /// The TLS of the Envoy of a pod; `nil` on this machine.
  let tls: TLSConfiguration?
  let byteLimit: Int

  var description: String { "The administration interface of \(owner)'s Envoy, \(origin)," }

  /// Checks whose Envoy this is.
  ///
  /// - Parameter isExpected: whether an Envoy with a node id is the one.
  func checkIdentity(_ isExpected: (String) -> Bool) async throws {
    let answer: [UInt8]
    do {
      answer = try await send("/server_info")
    } catch let error as EnvoyAdministrationError {
      throw stranger("a program that is not an Envoy", cause: error)
    }
    let node = (try? DocumentValue(json: answer))?["node"]?["id"]?.string
    if let node, isExpected(node) { return }
    throw stranger(node.map { "the Envoy of another proxy, \($0.prefix(300))" } ?? "a program that is not an Envoy")
  }

  private func stranger(_ stranger: String, cause: (any Error)? = nil) -> EnvoyAdministrationError {
    let place = origin.drop { $0 != "/" }.drop { $0 == "/" }
    let remedy =
      tls == nil
      ? "give the proxy a port of its own with networking.admin.port or --admin-port, and restart it"
      : "look whether the pod still has that address"
    return EnvoyAdministrationError(
      .unexpectedAnswer,
      "\(place), where the administration interface of \(owner)'s Envoy should be, belongs to \(stranger); \(remedy).",
      cause: cause)
  }

  func send(_ path: String, method: HTTPMethod = .GET) async throws -> [UInt8] {
    var request = HTTPClientRequest(url: origin + path)
    request.method = method
    request.tlsConfiguration = tls
    switch try await client.ask(request, bytes: byteLimit) {
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
    case .passthrough: "/stats?filter=%5Ecluster%5C.outbound_passthrough_ipv%5B46%5D%5C.upstream_cx_total%24"
    }
  }
}
