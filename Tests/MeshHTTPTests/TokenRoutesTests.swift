import HTTPTypes
import MeshAccess
import MeshHTTP
import MeshHTTPTestSupport
import MeshModel
import MeshStore
import MeshTestSupport
import Testing

/// Tokens over the API: bodies, answers and titles of errors are Kuma's.
@Suite("Tokens over the API") struct TokenRoutesTests {
  /// Signs with one key, for the mesh `default` and for users.
  private let key: SigningKey
  private let clock = TestClock()

  init() throws { key = try TestSigningKey.shared() }

  private func ring() -> KeyRing {
    var ring = KeyRing()
    let data = Array(key.privatePEM.utf8)
    ring.add(secret: SecretName.dataplaneTokenSigningKey(mesh: "default", "1"), mesh: "default", data: data)
    ring.add(secret: SecretName.userTokenSigningKey("1"), mesh: "", data: data)
    return ring
  }

  /// An API that issues tokens.
  func api(
    dataplane: Bool = true, user: Bool = true,
    prepare: @escaping @Sendable (String) throws(TokenIssueError) -> Void = { _ in }
  ) -> TestAPI {
    let ring = ring()
    return TestAPI(
      tokens: TokenIssuer(
        issuesDataplaneTokens: dataplane, issuesUserTokens: user, keys: { ring },
        prepare: { mesh async throws(TokenIssueError) in try prepare(mesh) }, now: { [clock] in clock.now }))
  }

  private func post(_ path: String, _ body: String, to api: TestAPI? = nil) async -> TestAPI.Answer {
    await (api ?? self.api()).send(.post, path, body)
  }

  @Test("a dataplane token has what was asked for, as plain text without a line end") func dataplane() async throws {
    let answer = await post(
      "/tokens/dataplane",
      #"{"name":"web-1","mesh":"default","tags":{"kuma.io/service":["web","api"]},"type":"dataplane","validFor":"24h0m0s"}"#
    )
    #expect(answer.status == 200)
    #expect(answer.contentType == "text/plain")
    #expect(answer.headers[.cacheControl] == "no-store")
    let token = try ring().verifyDataplaneToken(answer.body, mesh: "default", now: clock.now).get()
    #expect(
      token.claims
        == DataplaneClaims(
          name: "web-1", mesh: "default", tags: ["kuma.io/service": ["web", "api"]], proxyType: "dataplane"))
    #expect(token.stamp.expires.seconds - token.stamp.issued.seconds == 24 * 3600)
    #expect(answer.body.utf8.allSatisfy { $0 > 0x20 })
  }

  @Test("only the mesh is required, and a token without an end is valid for ten years, as in Kuma") func minimal()
    async throws
  {
    for body in [#"{"mesh":"default"}"#, #"{"mesh":"default","tags":null,"validFor":"","later":1}"#] {
      let answer = await post("/tokens/dataplane", body)
      let token = try ring().verifyDataplaneToken(answer.body, mesh: "default", now: clock.now).get()
      #expect(token.claims == DataplaneClaims(mesh: "default"))
      #expect(token.stamp.expires.seconds - token.stamp.issued.seconds == 10 * 365 * 24 * 3600)
    }
  }

  @Test("a user token has name and groups") func user() async throws {
    let answer = await post("/tokens/user", #"{"name":"ann","groups":["a","b"],"validFor":"1h"}"#)
    #expect(answer.status == 200)
    #expect(answer.contentType == "text/plain")
    let token = try ring().verifyUserToken(answer.body, now: clock.now).get()
    #expect(token.user == User(name: "ann", groups: ["a", "b", User.authenticatedGroup]))
    #expect(token.stamp.expires.seconds - token.stamp.issued.seconds == 3600)
  }

  @Test(
    "a request that breaks rules names every field",
    arguments: [
      ("/tokens/dataplane", "{}", ["mesh: cannot be empty"]),
      (
        "/tokens/dataplane", #"{"mesh":"default","type":"x","validFor":"1y","tags":{"a":[]}}"#,
        [
          #"validFor: is invalid: time: unknown unit "y" in duration "1y""#, "type: x is not a valid proxy type",
          #"tags["a"]: cannot be empty: no Dataplane could use the token"#,
        ]
      ),
      ("/tokens/dataplane", #"{"mesh":"default","validFor":"0s"}"#, ["validFor: cannot be empty or nil"]),
      (
        "/tokens/dataplane", #"{"mesh":"default","validFor":"5ms"}"#,
        ["validFor: is too short: it has to be at least 1s"]
      ),
      ("/tokens/user", "{}", ["name: cannot be empty", "validFor: cannot be empty"]),
      ("/tokens/user", #"{"name":"ann","validFor":"0"}"#, ["validFor: cannot be empty or nil"]),
    ] as [(String, String, [String])])
  func violations(path: String, body: String, expected: [String]) async {
    let answer = await post(path, body)
    #expect(answer.status == 400)
    #expect(answer.title == "Invalid request")
    #expect(answer.causes == expected)
  }

  @Test(
    "a body of another form says what was expected",
    arguments: [
      ("/tokens/dataplane", #"{"mesh":1}"#, "mesh has to be text, not number"),
      ("/tokens/dataplane", #"{"mesh":"default","tags":["a"]}"#, "tags has to be an object, not array"),
      ("/tokens/dataplane", #"{"mesh":"default","tags":{"a":"b"}}"#, #"tags["a"] has to be a list, not string"#),
      ("/tokens/dataplane", #"{"mesh":"default","tags":{"a":[1]}}"#, #"tags["a"][0] has to be text, not number"#),
      ("/tokens/user", #"{"name":"ann","groups":"a","validFor":"1h"}"#, "groups has to be a list, not string"),
      ("/tokens/user", "[]", "the document has to be an object, not array"),
    ])
  func form(path: String, body: String, expected: String) async {
    let answer = await post(path, body)
    #expect(answer.status == 400)
    #expect(answer.detail == expected)
  }

  @Test("without a key the answer names the secret that would hold it") func noKey() async {
    let answer = await post("/tokens/dataplane", #"{"mesh":"other"}"#)
    #expect(answer.status == 404)
    #expect(answer.title == "Signing Key not found")
    #expect(
      answer.detail
        == "there is no signing key with KID 1. Secret of name \"dataplane-token-signing-key-other-1\" in mesh \"other\" is "
        + "not found. If signing key was rotated, regenerate the token")
  }

  @Test("an issuer that is turned off says so, each of the two by itself") func disabled() async {
    let off = api(dataplane: false)
    let answer = await post("/tokens/dataplane", #"{"mesh":"default"}"#, to: off)
    #expect(answer.status == 400)
    #expect(answer.title == "Could not issue a token")
    #expect(answer.detail == "issuing tokens using the control plane is disabled.")
    #expect(await post("/tokens/user", #"{"name":"ann","validFor":"1h"}"#, to: off).status == 200)
    let other = api(user: false)
    #expect(await post("/tokens/user", #"{"name":"ann","validFor":"1h"}"#, to: other).status == 400)
    #expect(await post("/tokens/dataplane", #"{"mesh":"default"}"#, to: other).status == 200)
    #expect(await post("/tokens/user", #"{"name":"ann","validFor":"1h"}"#, to: TestAPI()).status == 400)
  }

  @Test("a store that is away is told apart from a key that is missing") func storeAway() async {
    let away = api(prepare: { mesh throws(TokenIssueError) in throw .failed("the store is away (\(mesh))") })
    let answer = await post("/tokens/dataplane", #"{"mesh":"default"}"#, to: away)
    #expect(answer.status == 503)
    #expect(answer.detail == "the store is away (default)")
  }

  @Test("a control plane that takes no writes issues tokens all the same") func readOnly() async {
    let answer = await TestAPI(isReadOnly: true).send(.post, "/tokens/dataplane", #"{"mesh":"default"}"#)
    #expect(answer.detail == "issuing tokens using the control plane is disabled.")
  }
}

/// One key for all tests of the process: making one takes long in a debug build.
private enum TestSigningKey {
  private static let made = Result { try SigningKey.generate(id: "1") }
  static func shared() throws -> SigningKey { try made.get() }
}
