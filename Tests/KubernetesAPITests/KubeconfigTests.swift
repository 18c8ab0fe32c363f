import Foundation
import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("Access from a kubeconfig") struct KubeconfigTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func access(
    _ text: String, context: String? = nil
  ) throws -> KubernetesAccess {
    try KubernetesAccess.kubeconfig(path: try folder.write(text, to: "config"), context: context)
  }

  private func refusal(_ text: String, context: String? = nil) throws -> String {
    let path = try folder.write(text, to: "config")
    let failure = #expect(throws: KubernetesAccess.Failure.self) {
      try KubernetesAccess.kubeconfig(path: path, context: context)
    }
    return failure?.message.replacing(folder.path, with: "FOLDER") ?? ""
  }

  private static let whole = """
    apiVersion: v1
    kind: Config
    current-context: here
    clusters:
    - name: near
      cluster: {server: "https://127.0.0.1:6443/", certificate-authority: pki/ca.crt, tls-server-name: kubernetes}
    - name: far
      cluster: {server: "https://[2001:db8::1]:6443/clusters/a", certificate-authority-data: Q0E=}
    - name: open
      cluster: {server: "http://127.0.0.1:8001"}
    - name: blind
      cluster: {server: "https://example.test", insecure-skip-tls-verify: true}
    users:
    - name: token
      user: {token: abc}
    - name: file
      user: {token: abc, tokenFile: token}
    - name: certificate
      user: {client-certificate-data: Q0VSVA==, client-key: /keys/key}
    - name: other
      user: {token: abc, as: jane, as-groups: [writers, readers]}
    contexts:
    - name: here
      context: {cluster: near, user: token, namespace: mesh}
    - name: there
      context: {cluster: far, user: file}
    - name: proxy
      context: {cluster: open}
    - name: pki
      context: {cluster: blind, user: certificate}
    - name: as
      context: {cluster: near, user: other}
    """

  @Test("has the server, the namespace and how the server is recognised") func server() throws {
    let here = try access(Self.whole)
    #expect(here.server == "https://127.0.0.1:6443")
    #expect(here.namespace == "mesh")
    #expect(here.serverName == "kubernetes")
    #expect(here.requestURL == "https://kubernetes:6443")
    #expect(here.authority == "127.0.0.1:6443")
    #expect(here.trust == .file("\(folder.path)/pki/ca.crt"))
    #expect(here.origin == "context \"here\" of \(folder.file("config"))")
    let there = try access(Self.whole, context: "there")
    #expect(there.server == "https://[2001:db8::1]:6443/clusters/a")
    #expect(there.host == "2001:db8::1")
    #expect(there.namespace == "default")
    #expect(there.trust == .certificates(Array("CA".utf8)))
    #expect(try access(Self.whole, context: "proxy").trust == .system)
    #expect(try access(Self.whole, context: "proxy").port == 8001)
    #expect(try access(Self.whole, context: "pki").trust == .anything)
    #expect(try access(Self.whole, context: "pki").port == 443)
  }

  @Test("has the user's credentials; a token's file goes before a token") func user() throws {
    #expect(try access(Self.whole).identity.token == .inline(Array("abc".utf8)))
    #expect(try access(Self.whole, context: "there").identity.token == .file("\(folder.path)/token"))
    #expect(try access(Self.whole, context: "proxy").identity.token == nil)
    let certificate = try access(Self.whole, context: "pki").identity.certificate
    #expect(certificate?.certificate == .inline(Array("CERT".utf8)))
    #expect(certificate?.key == .file("/keys/key"))
    let other = try access(Self.whole, context: "as").identity
    #expect(other.impersonatedUser == "jane")
    #expect(other.impersonatedGroups == ["writers", "readers"])
  }

  @Test("says what is missing, and what there is") func missing() throws {
    #expect(
      try refusal(Self.whole, context: "x")
        == #"FOLDER/config: there is no context "x"; there are "as", "here", "pki", "proxy", "there""#)
    #expect(
      try refusal("contexts: [{name: a, context: {cluster: b}}]", context: "a")
        == #"FOLDER/config: contexts[0].context: there is no cluster "b"; there is none"#)
    #expect(
      try refusal("{}")
        == "FOLDER/config: there is no current-context; choose one with: kubectl config use-context NAME")
    #expect(try refusal("[]") == "FOLDER/config: a kubeconfig has to be one object with clusters, users and contexts")
    #expect(try refusal("contexts: 5") == "FOLDER/config: contexts has to be a list, not number")
    #expect(try refusal("users: [{user: {}}]") == "FOLDER/config: users[0] has no name")
    #expect(try refusal("a: [").hasPrefix("FOLDER/config: "))
    let nothing = #expect(throws: KubernetesAccess.Failure.self) {
      try KubernetesAccess.kubeconfig(path: folder.file("none"))
    }
    #expect(
      nothing?.message == "the kubeconfig cannot be read (open \(folder.file("none")): no such file or directory)")
  }

  @Test(
    "names the field that cannot be used",
    arguments: [
      (#"server: "ftp://a""#, "token: a", "clusters[0].cluster.server has to be the URL of the API server"),
      ("server: 127.0.0.1", "token: a", "clusters[0].cluster.server has to be the URL of the API server"),
      (#"server: "https://u:p@a""#, "token: a", "clusters[0].cluster.server has to be the URL of the API server"),
      (
        #"server: "https://127.0.0.1:99999""#, "token: a",
        "clusters[0].cluster.server has to be the URL of the API server"
      ),
      (#"server: """#, "token: a", "clusters[0].cluster names no server"),
      (#"server: "https://a", proxy-url: "http://p""#, "token: a", "clusters[0].cluster.proxy-url is not supported"),
      (
        #"server: "https://a", certificate-authority-data: "%%%""#, "token: a",
        "certificate-authority-data has to be base64"
      ),
      (#"server: "https://a""#, "username: u, password: p", "users[0].user.username is not supported"),
      (#"server: "https://a""#, "auth-provider: {name: gcp}", "users[0].user.auth-provider is not supported"),
      (#"server: "https://a""#, "client-certificate: a", "users[0].user has client-certificate, but no client-key"),
      (#"server: "https://a""#, "client-key: a", "users[0].user has client-key, but no client-certificate"),
      (#"server: "https://a""#, "as-groups: [a]", "users[0].user.as-groups needs the field as"),
      (#"server: "https://a""#, "as: a, as-uid: b", "users[0].user.as-uid is not supported"),
      (
        #"server: "https://a""#, "exec: {command: a}",
        "users[0].user.exec.apiVersion has to be client.authentication.k8s.io/v1"
      ),
      (
        #"server: "https://a""#, "exec: {apiVersion: client.authentication.k8s.io/v1}",
        "users[0].user.exec names no command"
      ),
      (
        #"server: "https://a""#,
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: a, interactiveMode: Always}",
        "users[0].user.exec.interactiveMode is Always"
      ),
    ]) func unusable(cluster: String, user: String, words: String) throws
  {
    let text = """
      current-context: a
      clusters: [{name: a, cluster: {\(cluster)}}]
      users: [{name: a, user: {\(user)}}]
      contexts: [{name: a, context: {cluster: a, user: a}}]
      """
    #expect(try refusal(text).contains(words))
  }

  @Test("of several files the first entry of a name holds, and files that do not exist are passed over") func list()
    throws
  {
    let first = try folder.write(
      """
      current-context: a
      clusters: [{name: a, cluster: {server: "https://first"}}]
      """, to: "first")
    let second = try folder.write(
      """
      current-context: b
      clusters: [{name: a, cluster: {server: "https://second"}}]
      contexts: [{name: a, context: {cluster: a}}]
      """, to: "second")
    func find(_ paths: String...) throws -> KubernetesAccess {
      try KubernetesAccess.find(kubeconfig: nil, environment: ["KUBECONFIG": paths.joined(separator: ":")])
    }
    #expect(try find(folder.file("none"), first, second).server == "https://first")
    #expect(try KubernetesAccess.find(kubeconfig: second, context: "a", environment: [:]).server == "https://second")
    let none = #expect(throws: KubernetesAccess.Failure.self) { try find(folder.file("none")) }
    #expect(none?.code == .noConfiguration)
  }

  @Test("is found in the home folder, and otherwise the message says where it was looked for") func home() throws {
    try FileManager.default.createDirectory(atPath: folder.file(".kube"), withIntermediateDirectories: true)
    _ = try folder.write(Self.whole, to: ".kube/config")
    #expect(try KubernetesAccess.find(kubeconfig: nil, environment: ["HOME": folder.path]).namespace == "mesh")
    let none = #expect(throws: KubernetesAccess.Failure.self) {
      try KubernetesAccess.find(kubeconfig: nil, environment: ["HOME": folder.file("none")])
    }
    #expect(none?.message.contains("KUBECONFIG is not set, and there is no ~/.kube/config") == true)
  }

  @Test("in a pod is the service account's") func pod() throws {
    let environment = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
    let missing = #expect(throws: KubernetesAccess.Failure.self) {
      try KubernetesAccess.inCluster(environment: environment, folder: folder.path)
    }
    #expect(missing?.message.contains("automountServiceAccountToken") == true)
    _ = try folder.write("token", to: "token")
    _ = try folder.write("mesh\n", to: "namespace")
    let access = try KubernetesAccess.inCluster(environment: environment, folder: folder.path)
    #expect(access.server == "https://[fd00::1]:443")
    #expect(access.namespace == "mesh")
    #expect(access.trust == .file(folder.file("ca.crt")))
    #expect(access.identity.token == .file(folder.file("token")))
    let outside = #expect(throws: KubernetesAccess.Failure.self) {
      try KubernetesAccess.inCluster(environment: ["KUBERNETES_SERVICE_HOST": "a"], folder: folder.path)
    }
    #expect(outside?.code == .noConfiguration)
  }
}
