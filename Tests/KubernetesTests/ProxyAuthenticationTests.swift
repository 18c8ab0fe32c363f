import KubernetesTestSupport
import ProxySimulation
import TestSupport
import Testing

/// Who may open a stream as the proxy of a pod: whoever has the token of that pod's service account, which the real API server
/// reviews.
@Suite("Authentication of proxies", .onKubernetes, .serialized, .timeLimit(.minutes(30)))
struct ProxyAuthenticationTests {
  private static let settings = ["KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "serviceAccountToken"]

  private static func server() async throws -> KubernetesServer {
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    return server
  }

  @Test("Tokens of the pod's service account open its proxy; all others are refused, in Kuma's words in the log alone")
  func tokens() async throws {
    let server = try await Self.server()
    let controlPlane = try await ControlPlaneOnKubernetes.start(server, settings: Self.settings)
    let tokens = try await ProxyTokens.make(on: server, controlPlane)
    let web = tokens.node("web-1")
    let bound = try await tokens.token(of: "web", for: "web-1")
    for (what, token) in [
      ("bound to the pod", bound), ("of the account", try await tokens.token(of: "web")),
      ("of the account's Secret", try await tokens.secret(of: "web").token),
    ] {
      #expect(try await tokens.refusal(web, token) == nil, "\(what)")
    }

    let foreign = try await server.makeNamespace("foreign")
    try await server.succeed(["create", "serviceaccount", "web", "-n", foreign])
    let nobody = "authentication failed: token doesn't belong to a valid user"
    let cases: [(what: String, node: String, token: String?, text: String)] = [
      ("none", web, nil, "\(nobody): the proxy shows none"),
      ("nonsense", web, "nonsense", nobody),
      ("the token with another end", web, String(bound.dropLast(4)) + "AAAA", nobody),
      ("one that has expired", web, try await tokens.expired(bound), nobody),
      (
        "that of the user admin", web, "admin",
        #"authentication failed: username inside TokenReview response has unexpected format: "admin""#
      ),
      (
        "that of an account of the same name elsewhere", web, try await tokens.token(of: "web", in: foreign),
        #"authentication failed: token belongs to a namespace "\#(foreign)" different from proxyId "\#(tokens.namespace)""#
      ),
      (
        "that of another pod of the account", web, try await tokens.token(of: "web", for: "web-2"),
        #"authentication failed: token belongs to a pod "web-2" different from proxyId "web-1""#
      ),
      (
        "that of another account", web, try await tokens.token(of: "api"),
        #"authentication failed: service account name of the pod "web" is different than token that was provided "api""#
      ),
      (
        "that of another account's pod", web, try await tokens.token(of: "api", for: "api-1"),
        #"authentication failed: token belongs to a pod "api-1" different from proxyId "web-1""#
      ),
      (
        "that of the account for a pod that is not there", tokens.node("web-9"), try await tokens.token(of: "web"),
        "could not retrieve Pod \(tokens.namespace)/web-9 to verify identity of a dataplane proxy: there is no such pod"
      ),
      (
        "that of the pod for a proxy without a pod", "\(tokens.mesh).web", bound,
        #""\#(tokens.mesh).web" does not name a proxy of a pod"#
      ),
    ]
    let refusals = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
      for (index, item) in cases.enumerated() {
        group.addTask { (index, try await tokens.refusal(item.node, item.token)) }
      }
      return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
    }
    for (index, (what, _, token, text)) in cases.enumerated() {
      let refusal = try #require(refusals[index], "\(what)")
      #expect(refusal.contains("authentication failed") && !refusal.contains(text), "\(what): \(refusal)")
      #expect(controlPlane.log.contains { $0.contains(text) }, "\(what)")
      // Nobody learns the token from the log.
      if let token, token != "admin" { #expect(!controlPlane.log.contains { $0.contains(token) }, "\(what)") }
    }

    // The pod's own token opens neither another mesh nor a Dataplane that the proxy makes up.
    let elsewhere = RunningCluster.name("elsewhere")
    let (stranger, running) = tokens.connect(tokens.node("web-1", mesh: elsewhere), bound)
    try await eventually("the stream of the other mesh") { stranger.proxies[0].isConnected }
    #expect(try await tokens.refusal(web, bound) == nil)
    #expect(stranger.proxies[0].responses == 0)
    running.cancel()
    await running.value
    let invented = """
      {type: Dataplane, mesh: \(tokens.mesh), name: web-1.\(tokens.namespace), networking: {address: 127.0.0.1, \
      inbound: [{port: 1, tags: {kuma.io/service: bank}}]}}
      """
    let refusal = try #require(try await tokens.refusal(web, bound, dataplane: invented))
    #expect(refusal.contains("the proxy brings a Dataplane along"), "\(refusal)")
    await tokens.remove()
    await controlPlane.stop()
  }

  @Test("A token that was accepted opens its proxy while the API server is away, and not after it was revoked")
  func awayAndRevoked() async throws {
    let server = try await Self.server()
    let relay = try await CuttableRelay.start(before: server.port)
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: try server.kubeconfig(port: relay.port), systemNamespace: try await server.makeNamespace("system"),
      settings: Self.settings)
    try await controlPlane.start()
    let tokens = try await ProxyTokens.make(on: server, controlPlane)
    let (web, known) = (tokens.node("web-1"), try await tokens.token(of: "web", for: "web-1"))
    let fresh = try await tokens.token(of: "web", for: "web-2")
    let (fleet, running) = tokens.connect(web, known)
    try await eventually("the first configuration") { fleet.proxies[0].isConfigured }

    relay.behave(.refuses)
    relay.cut()
    let streams = fleet.proxies[0].streams
    fleet.disconnect(web)
    try await eventually("the next stream") { fleet.proxies[0].streams > streams && fleet.proxies[0].isConnected }
    let refusal = try #require(try await tokens.refusal(tokens.node("web-2"), fresh))
    #expect(
      refusal.contains("could not call Kubernetes API Server to verify dataplane token"), "\(refusal)")
    relay.behave(.passes)
    // The same proxy is let in as soon as somebody can be asked, without a restart.
    let (second, waiting) = tokens.connect(tokens.node("web-2"), fresh)
    try await eventually("the proxy that had to wait") { second.proxies[0].isConfigured }

    // A pod that is gone takes its token along. This control plane has accepted it a moment ago, and believes it for some
    // minutes; one that has not asked yet refuses it at once.
    try await server.succeed(["delete", "pod", "web-1", "-n", tokens.namespace, "--force", "--grace-period=0"])
    // The API server itself believes a token for ten seconds.
    try await eventually("the end of the token") { try await !tokens.isValid(known) }
    let other = try await ControlPlaneOnKubernetes.start(server, settings: Self.settings)
    let revoked = try #require(try await tokens.refusal(web, known, at: other))
    #expect(revoked.contains("authentication failed"), "\(revoked)")
    #expect(other.log.contains { $0.contains("token doesn't belong to a valid user") })
    for task in [running, waiting] {
      task.cancel()
      await task.value
    }
    await tokens.remove()
    await other.stop()
    await controlPlane.stop()
    await relay.stop()
  }
}
