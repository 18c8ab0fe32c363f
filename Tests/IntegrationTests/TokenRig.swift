import Foundation
import MeshAccess
import MeshModel
import MeshTestSupport
import OrderedCollections
import ProxySimulation

/// A control plane whose proxies have to show dataplane tokens, and a key by which the test signs tokens of its own.
struct TokenRig: Sendable {
  let controlPlane: ControlPlaneProcess
  /// The mesh of the tokens.
  let mesh: String
  /// A key that the control plane does not have before ``importKey()``.
  let key: SigningKey

  /// Starts a control plane, and stops it after the test.
  static func run(mesh: String = "default", _ body: (TokenRig) async throws -> Void) async throws {
    let folder = try TemporaryFolder()
    let controlPlane = try ControlPlaneProcess(
      home: folder.url, settings: ["KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "dpToken"])
    try await controlPlane.start()
    do {
      try await body(TokenRig(controlPlane: controlPlane, mesh: mesh, key: try SigningKey.generate(id: "2")))
    } catch {
      await controlPlane.stop()
      throw error
    }
    await controlPlane.stop()
  }

  // MARK: Secrets

  /// Writes a secret of the mesh over the API.
  func putSecret(_ name: String, _ data: String) async throws {
    let document: DocumentValue = [
      "type": "Secret", "mesh": .string(mesh), "name": .string(name),
      "data": .string(Data(data.utf8).base64EncodedString()),
    ]
    let path = "/meshes/\(mesh)/secrets/\(name)"
    let answer = try await HTTPProbe.put(port: controlPlane.ports.api, path, document.json())
    guard let answer, (200...201).contains(answer.status) else {
      throw ControlPlaneProcess.Failure(description: "\(path) was not written: \(answer?.text ?? "no answer")")
    }
  }

  /// Gives the control plane the test's key, as another control plane's key is taken over.
  func importKey() async throws {
    try await putSecret(SecretName.dataplaneTokenSigningKey(mesh: mesh, key.id), key.privatePEM)
  }

  /// Revokes tokens.
  func revoke(_ tokens: [String]) async throws {
    let ids = tokens.compactMap { Self.claims(of: $0)?["jti"]?.string }
    try await putSecret(SecretName.dataplaneTokenRevocations(mesh: mesh), ids.joined(separator: ","))
  }

  // MARK: Tokens

  /// A token that the control plane issues.
  func issue(name: String = "", validFor: String = "24h") async throws -> String {
    let request: DocumentValue = ["name": .string(name), "mesh": .string(mesh), "validFor": .string(validFor)]
    // The key of a mesh is made some time after the mesh.
    return try await eventually("a token") {
      let answer = try await HTTPProbe.post(port: controlPlane.ports.api, "/tokens/dataplane", request.json())
      return answer?.status == 200 ? answer?.text : nil
    }
  }

  /// A token that the test signs.
  func sign(
    _ claims: DataplaneClaims, with key: SigningKey? = nil, at time: Timestamp = .now,
    validFor: Duration = .seconds(3_600)
  ) async throws -> String {
    try await (key ?? self.key).sign(claims, validFor: validFor, now: time)
  }

  /// What a token says; `nil` if it is not a token.
  static func claims(of token: String) -> DocumentValue? { part(1, of: token) }

  /// The id of the key that signed a token.
  static func keyID(of token: String) -> String? { part(0, of: token)?["kid"]?.string }

  private static func part(_ index: Int, of token: String) -> DocumentValue? {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.indices.contains(index) else { return nil }
    var text = parts[index].replacing("-", with: "+").replacing("_", with: "/")
    while text.utf8.count % 4 != 0 { text += "=" }
    return Data(base64Encoded: String(text)).flatMap { try? DocumentValue(json: Array($0)) }
  }

  /// A token with another header, and the signature that it had.
  static func replacingHeader(of token: String, with header: DocumentValue) -> String {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    let text = Data(header.json().utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
      .replacing("=", with: "")
    return ([Substring(text)] + parts.dropFirst()).joined(separator: ".")
  }

  // MARK: Proxies

  /// Opens streams as a proxy until one is answered or refused.
  ///
  /// - Returns: why it was refused; `nil` if it has its configuration.
  func refusal(_ node: String, _ token: String?, dataplane: String? = nil) async throws -> String? {
    let fleet = fleet([node], dataplane: dataplane) { _ in token }
    let running = Task { await fleet.run() }
    defer { running.cancel() }
    return try await eventually("an answer for \(node)") { () -> String?? in
      let proxy = fleet.proxies[0]
      return proxy.isConfigured ? .some(nil) : proxy.lastFailure.map { .some($0) }
    }
  }

  /// Proxies that connect over TLS.
  func fleet(
    _ nodes: [String], dataplane: String? = nil, token: @escaping @Sendable (String) -> String?
  ) -> ProxyFleet {
    var settings = ProxyFleet.Settings(port: controlPlane.ports.dataplane)
    settings.isSecure = true
    settings.token = token
    settings.dataplane = { _ in dataplane }
    return ProxyFleet(nodeIDs: nodes, settings: settings)
  }

  /// The answer to a request for a bootstrap.
  func bootstrap(_ proxy: String, _ token: String?, dataplane: String? = nil) async throws -> (
    status: Int, text: String
  ) {
    var request: DocumentValue.Object = ["mesh": .string(mesh), "name": .string(proxy)]
    if let token { request["dataplaneToken"] = .string(token) }
    if let dataplane { request["dataplaneResource"] = .string(dataplane) }
    let answer = try await HTTPProbe.post(
      port: controlPlane.ports.dataplane, "/bootstrap", DocumentValue.object(request).json())
    return (answer?.status ?? 0, answer?.text ?? "")
  }

  /// Whether the control plane's log has a line with a text.
  func hasLogged(_ text: String) -> Bool { controlPlane.log.all.contains { $0.contains(text) } }

  /// The document of a Dataplane.
  static func dataplane(_ name: String, service: String, mesh: String = "default") -> String {
    """
    {"type": "Dataplane", "mesh": "\(mesh)", "name": "\(name)", "networking": {"address": "127.0.0.1",
    "inbound": [{"port": 8080, "tags": {"kuma.io/service": "\(service)"}}]}}
    """
  }
}
