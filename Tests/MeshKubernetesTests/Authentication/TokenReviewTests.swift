import Documents
import Foundation
import KubernetesAPI
import OrderedCollections
import Testing

@testable import MeshKubernetes

@Suite("Reviews of proxies' tokens") struct TokenReviewTests {
  private static let pod = PodReference(namespace: "shop", name: "web-1")

  @Test(
    "are about the pod that a Dataplane's name names",
    arguments: [
      ("web-1.shop", "web-1", "shop"), ("web.v2.shop", "web.v2", "shop"), ("a..b", "a.", "b"),
    ])
  func names(dataplane: String, name: String, namespace: String) {
    #expect(PodReference(dataplane: dataplane) == PodReference(namespace: namespace, name: name))
  }

  @Test("are about nothing without a pod and a namespace", arguments: ["", "web", ".shop", "web.", "."])
  func noPod(dataplane: String) {
    #expect(PodReference(dataplane: dataplane) == nil)
  }

  private func owner(_ status: DocumentValue) -> TokenOwner? {
    TokenReview.owner(in: KubernetesObject(["status": status]))
  }

  @Test("tell whose the token is, and for which pod it was issued")
  func owners() {
    #expect(TokenReview.question("t")["spec"] == ["token": "t"])
    let extra: DocumentValue = [
      "authentication.kubernetes.io/pod-name": ["web-1"], "authentication.kubernetes.io/pod-uid": ["u"],
    ]
    #expect(
      owner([
        "authenticated": true, "user": ["username": "system:serviceaccount:shop:web", "uid": "1", "extra": extra],
      ]) == TokenOwner(username: "system:serviceaccount:shop:web", pod: "web-1"))
    #expect(
      owner(["authenticated": true, "user": ["username": "admin"]]) == TokenOwner(username: "admin", pod: nil))
  }

  @Test(
    "tell that the token is nobody's",
    arguments: [
      ["authenticated": false, "error": "invalid bearer token"], [:], ["authenticated": "true"],
      ["user": ["username": "system:serviceaccount:shop:web"]],
    ] as [DocumentValue])
  func nobody(status: DocumentValue) {
    #expect(owner(status) == nil)
  }

  @Test("accept the service account of the pod, and a token that was issued for it")
  func accepted() {
    let account = TokenOwner(username: "system:serviceaccount:shop:web", pod: nil)
    #expect(account.fault(for: Self.pod, serviceAccount: "web") == nil)
    let bound = TokenOwner(username: "system:serviceaccount:shop:web", pod: "web-1")
    #expect(bound.fault(for: Self.pod, serviceAccount: nil) == nil)
  }

  @Test(
    "refuse everybody else in Kuma's words",
    arguments: [
      ("admin", nil, #"username inside TokenReview response has unexpected format: "admin""#),
      ("", nil, #"username inside TokenReview response has unexpected format: """#),
      (
        "system:serviceaccount:shop:web:x", nil,
        #"username inside TokenReview response has unexpected format: "system:serviceaccount:shop:web:x""#
      ),
      ("system:node:shop:web", nil, #"user "system:node:shop:web" is not a service account"#),
      ("other:serviceaccount:shop:web", nil, #"user "other:serviceaccount:shop:web" is not a service account"#),
      ("system:serviceaccount:bank:web", nil, #"token belongs to a namespace "bank" different from proxyId "shop""#),
      (
        "system:serviceaccount:bank:web", "web-1",
        #"token belongs to a namespace "bank" different from proxyId "shop""#
      ),
      ("system:serviceaccount:shop:web", "web-2", #"token belongs to a pod "web-2" different from proxyId "web-1""#),
      (
        "system:serviceaccount:shop:api", nil,
        #"service account name of the pod "web" is different than token that was provided "api""#
      ),
    ] as [(String, String?, String)])
  func refused(username: String, bound: String?, text: String) {
    let owner = TokenOwner(username: username, pod: bound)
    #expect(owner.fault(for: Self.pod, serviceAccount: "web") == text)
  }

  @Test("know the service account of a pod, which is \"default\" if it names none")
  func serviceAccounts() {
    var pod = KubernetesObject(.pod, namespace: "shop", name: "web-1")
    #expect(pod.serviceAccountName == "default")
    pod["spec"] = ["serviceAccountName": ""]
    #expect(pod.serviceAccountName == "default")
    pod["spec"] = ["serviceAccountName": "web"]
    #expect(pod.serviceAccountName == "web")
  }
}

@Suite("Tokens that were accepted") struct ReviewedTokensTests {
  private static let owner = TokenOwner(username: "system:serviceaccount:shop:web", pod: "web-1")

  /// A token that expires at a time, in seconds since 1970.
  private static func token(_ claims: String) -> String {
    let body = Data(claims.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
      .replacing("=", with: "")
    return "e30.\(body).c2ln"
  }

  @Test("are believed for five minutes, and then asked for again")
  func recent() {
    var tokens = ReviewedTokens()
    let token = Self.token(#"{"exp":5000}"#)
    #expect(tokens.knowledge(of: token, at: .zero) == .none)
    tokens.accept(token, of: Self.owner, at: .seconds(10), seconds: 1_000)
    #expect(tokens.knowledge(of: token, at: .seconds(309)) == .recent(Self.owner))
    #expect(tokens.knowledge(of: token, at: .seconds(310)) == .old(Self.owner))
    #expect(tokens.knowledge(of: "another", at: .seconds(10)) == .none)
    tokens.refuse(token)
    #expect(tokens.knowledge(of: token, at: .seconds(10)) == .none)
  }

  @Test(
    "are known until they expire, and for an hour at most",
    arguments: [
      (#"{"exp":1100}"#, 100), (#"{"exp":1100.9}"#, 100), (#"{"exp":999999999999}"#, 3_600), (#"{"sub":"web"}"#, 3_600),
      (#"{"exp":"1100"}"#, 3_600), (#"{"exp":-9223372036854775808}"#, 0), (#"{"exp":1e300}"#, 3_600),
      ("no JSON", 3_600),
    ])
  func expiry(claims: String, seconds: Int) {
    var tokens = ReviewedTokens()
    tokens.accept(Self.token(claims), of: Self.owner, at: .zero, seconds: 1_000)
    if seconds > 0 {
      #expect(tokens.knowledge(of: Self.token(claims), at: .seconds(seconds) - .milliseconds(1)) != .none)
    }
    #expect(tokens.knowledge(of: Self.token(claims), at: .seconds(seconds)) == .none)
  }

  @Test("are bounded: the oldest go")
  func bound() {
    var tokens = ReviewedTokens()
    for number in 0...ReviewedTokens.limit {
      tokens.accept("\(number)", of: Self.owner, at: .milliseconds(number), seconds: 0)
    }
    #expect(tokens.count == ReviewedTokens.limit / 4 * 3 + 1)
    #expect(tokens.knowledge(of: "0", at: .seconds(30)) == .none)
    #expect(tokens.knowledge(of: "\(ReviewedTokens.limit)", at: .seconds(30)) == .recent(Self.owner))
  }
}
