import Documents
import Foundation
import KubernetesTestSupport
import OrderedCollections
import ProxySimulation
import TestSupport

/// A namespace with pods, their Dataplanes and their tokens, for tests of what opens a proxy.
struct ProxyTokens {
  let server: KubernetesServer
  let controlPlane: ControlPlaneOnKubernetes
  let mesh: String
  let namespace: String

  /// Makes a mesh, two service accounts, a pod of `api` and two of `web`, and a Dataplane of each.
  static func make(on server: KubernetesServer, _ controlPlane: ControlPlaneOnKubernetes) async throws -> ProxyTokens {
    let tokens = ProxyTokens(
      server: server, controlPlane: controlPlane, mesh: RunningCluster.name("tokens"),
      namespace: try await server.makeNamespace("tokens"))
    try await server.apply(RunningCluster.mesh(tokens.mesh))
    for account in ["web", "api"] {
      try await server.succeed(["create", "serviceaccount", account, "-n", tokens.namespace])
    }
    for (pod, account) in [("web-1", "web"), ("web-2", "web"), ("api-1", "api")] {
      let document = """
        apiVersion: v1
        kind: Pod
        metadata: {name: \(pod), namespace: \(tokens.namespace)}
        spec:
          serviceAccountName: \(account)
          containers: [{name: app, image: app}]
        """
      // Its service account may have no token yet.
      try await eventually("the pod \(pod)") {
        try await server.kubectl(.newest, "apply", "-f", "-", input: document).isSuccess
      }
      try await server.apply(
        RunningCluster.dataplane(pod, namespace: tokens.namespace, mesh: tokens.mesh, service: account))
    }
    return tokens
  }

  /// The node id of the proxy of a pod.
  func node(_ pod: String, mesh: String? = nil) -> String { "\(mesh ?? self.mesh).\(pod).\(namespace)" }

  /// A new token of a service account, for a pod or for nothing in particular.
  func token(of account: String, for pod: String? = nil, in namespace: String? = nil) async throws -> String {
    var arguments = ["create", "token", account, "-n", namespace ?? self.namespace]
    if let pod { arguments += ["--bound-object-kind=Pod", "--bound-object-name=\(pod)"] }
    return try await server.succeed(arguments).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// The token in the Secret that the cluster has made for a service account, with the name of the Secret.
  func secret(of account: String) async throws -> (name: String, token: String) {
    let name = try await eventually("the Secret of \(account)") { () -> String? in
      let name = try await server.succeed([
        "get", "serviceaccount", account, "-n", namespace, "-o", "jsonpath={.secrets[0].name}",
      ])
      return name.isEmpty ? nil : name
    }
    let text = try await server.succeed(["get", "secret", name, "-n", namespace, "-o", "jsonpath={.data.token}"])
    return (name, String(decoding: Data(base64Encoded: text) ?? Data(), as: UTF8.self))
  }

  /// A token of the cluster as it was an hour ago, when it was valid for half an hour: signed with the cluster's own key.
  func expired(_ token: String) async throws -> String {
    let parts = token.split(separator: ".").map(String.init)
    guard parts.count == 3, let payload = Self.decode(parts[1]),
      var claims = try DocumentValue(json: Array(payload)).object
    else { throw ControlPlaneOnKubernetes.Failure(description: "no token: \(token)") }
    let now = Int64(Date().timeIntervalSince1970)
    (claims["iat"], claims["nbf"], claims["exp"]) = (
      .integer(now - 3_600), .integer(now - 3_600), .integer(now - 1_800)
    )
    let unsigned = "\(parts[0]).\(Self.encode(Data(DocumentValue.object(claims).json().utf8)))"
    let folder = try TemporaryFolder()
    let (file, signature) = (try folder.write(unsigned, to: "unsigned"), folder.file("signature"))
    let result = try await KubernetesPrograms.run(
      "openssl", ["dgst", "-sha256", "-sign", "\(server.folder)/service-account.key", "-out", signature, file])
    guard result.isSuccess else { throw ControlPlaneOnKubernetes.Failure(description: result.errors) }
    return "\(unsigned).\(Self.encode(try Data(contentsOf: URL(filePath: signature))))"
  }

  private static func encode(_ data: Data) -> String {
    data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }

  private static func decode(_ text: String) -> Data? {
    var text = text.replacing("-", with: "+").replacing("_", with: "/")
    while text.count % 4 != 0 { text += "=" }
    return Data(base64Encoded: text)
  }

  /// Whether the API server says that a token is somebody's.
  func isValid(_ token: String) async throws -> Bool {
    let review = """
      {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "\(token)"}}
      """
    let answer = try await server.succeed(["create", "-f", "-", "-o", "json"], input: review)
    return try DocumentValue(json: Array(answer.utf8))["status"]?["authenticated"]?.bool ?? false
  }

  /// Opens streams as a proxy until one is answered or refused.
  ///
  /// - Parameter dataplane: what the proxy brings along.
  /// - Returns: why it was refused; `nil` if it has its configuration.
  func refusal(
    _ node: String, _ token: String?, dataplane: String? = nil, at controlPlane: ControlPlaneOnKubernetes? = nil
  ) async throws -> String? {
    let (fleet, running) = connect(node, token, dataplane: dataplane, at: controlPlane)
    defer { running.cancel() }
    return try await eventually("an answer for \(node)") { () -> String?? in
      let proxy = fleet.proxies[0]
      return proxy.isConfigured ? .some(nil) : proxy.lastFailure.map { .some($0) }
    }
  }

  /// Opens streams as a proxy until the task ends.
  func connect(
    _ node: String, _ token: String?, dataplane: String? = nil, at controlPlane: ControlPlaneOnKubernetes? = nil
  ) -> (fleet: ProxyFleet, running: Task<Void, Never>) {
    var settings = ProxyFleet.Settings(port: (controlPlane ?? self.controlPlane).ports.dataplane)
    settings.isSecure = true
    settings.token = { _ in token }
    settings.dataplane = { _ in dataplane }
    let fleet = ProxyFleet(nodeIDs: [node], settings: settings)
    return (fleet, Task { await fleet.run() })
  }

  /// Removes what was made.
  func remove() async {
    _ = try? await server.kubectl(.newest, "delete", "namespace", namespace, "--wait=false")
    _ = try? await server.kubectl(.newest, "delete", "mesh", mesh, "--wait=false")
  }
}
