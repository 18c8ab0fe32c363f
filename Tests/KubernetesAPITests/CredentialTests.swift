import Documents
import Foundation
import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("Credentials") struct CredentialTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("from files are read again when the API server has refused them") func files() async throws {
    let file = try folder.write("one\n", to: "token")
    let source = CredentialSource(KubernetesAccess.Identity(token: .file(file)))
    let first = try await source.credentials()
    #expect(first.token == "one")
    _ = try folder.write("two\n", to: "token")
    await source.refuse(first)
    #expect(try await source.credentials().token == "two")
  }

  @Test("that are no token are refused with the name of the file", arguments: ["", " \n", "a b", "a\u{e9}", "a\nb"])
  func noToken(text: String) async throws {
    let file = try folder.write(text, to: "token")
    let source = CredentialSource(KubernetesAccess.Identity(token: .file(file)))
    let failure = await #expect(throws: KubernetesAccess.Failure.self) { try await source.credentials() }
    #expect(failure?.message == "the file \(file) holds no token: it has to be one line of ASCII text without blanks")
  }

  @Test("from a pipe to which nobody writes are not waited for") func pipe() async throws {
    let file = folder.file("pipe")
    #expect(mkfifo(file, 0o600) == 0)
    let source = CredentialSource(KubernetesAccess.Identity(token: .file(file)))
    let failure = await #expect(throws: KubernetesAccess.Failure.self) { try await source.credentials() }
    #expect(failure?.message.hasPrefix("the file \(file) holds no token") == true)
  }

  /// An identity with a program that appends a line to the file `runs` and then does what the script says.
  private func plugin(_ script: String, _ more: String = "", version: String = "v1") throws -> KubernetesAccess.Identity
  {
    let program = try folder.write(
      """
      #!/bin/sh
      cd "$(dirname "$0")" || exit 1
      printf '%s\\n' "$KUBERNETES_EXEC_INFO" >>runs
      \(script)
      """, to: "plugin", isExecutable: true)
    let path = try folder.write(
      """
      current-context: a
      clusters: [{name: a, cluster: {server: "https://127.0.0.1:1", certificate-authority-data: Q0E=}}]
      contexts: [{name: a, context: {cluster: a, user: a}}]
      users:
      - name: a
        user:
          exec:
            apiVersion: client.authentication.k8s.io/\(version)
            command: \(program)
            args: [one, "2"]
            env: [{name: WORD, value: word}]
            installHint: install it
            \(more)
      """, to: "config")
    return try KubernetesAccess.kubeconfig(path: path).identity
  }

  private var runs: [String] {
    get throws {
      try String(contentsOfFile: folder.file("runs"), encoding: .utf8).split(separator: "\n").map(String.init)
    }
  }

  private static func credential(_ status: String, version: String = "v1") -> String {
    #"{"apiVersion":"client.authentication.k8s.io/\#(version)","kind":"ExecCredential","status":{\#(status)}}"#
  }

  @Test("from a program are kept until the API server refuses them", arguments: ["v1", "v1beta1"])
  func program(version: String) async throws {
    let output = Self.credential(#""token":"'$1-$2-$WORD-$(wc -l <runs)'""#, version: version)
    let source = CredentialSource(try plugin("echo '\(output)'", "provideClusterInfo: true", version: version))
    let first = try await source.credentials()
    #expect(first.token == "one-2-word-1")
    #expect(try await source.credentials() == first)
    await source.refuse(first)
    #expect(try await source.credentials().token == "one-2-word-2")
    let information = try DocumentValue(json: try #require(runs.first).utf8)
    #expect(information["spec"]?["interactive"]?.bool == false)
    #expect(information["spec"]?["cluster"]?["server"]?.string == "https://127.0.0.1:1")
    #expect(information["spec"]?["cluster"]?["certificate-authority-data"]?.string == "Q0E=")
  }

  @Test("from a program that have expired are asked for again") func expired() async throws {
    let status = #""token":"a","expirationTimestamp":"2001-01-01T00:00:00Z""#
    let source = CredentialSource(try plugin("echo '\(Self.credential(status))'"))
    for _ in 1...3 { #expect(try await source.credentials().token == "a") }
    #expect(try runs.count == 3)
    let later = #""token":"a","expirationTimestamp":"2999-01-01T00:00:00Z""#
    let kept = CredentialSource(try plugin("echo '\(Self.credential(later))'"))
    for _ in 1...3 { #expect(try await kept.credentials().token == "a") }
    #expect(try runs.count == 4)
  }

  @Test("asked for by many at once come from one run of the program") func together() async throws {
    let source = CredentialSource(try plugin("echo '\(Self.credential(#""token":"a""#))'"))
    await withTaskGroup(of: String?.self) { group in
      for _ in 1...20 { group.addTask { try? await source.credentials().token } }
      for await token in group { #expect(token == "a") }
    }
    #expect(try runs.count == 1)
  }

  @Test("from a program that does not end: who waits can give up, and who comes next waits for the same run")
  func givingUp() async throws {
    let source = CredentialSource(
      try plugin("while [ ! -e go ]; do sleep 0.1; done; echo '\(Self.credential(#""token":"a""#))'"))
    let waiting = Task { try await source.credentials() }
    try await eventually { (try? runs.count) == 1 }
    waiting.cancel()
    await #expect(throws: KubernetesAccess.Failure.self) { try await waiting.value }
    _ = try folder.write("", to: "go")
    #expect(try await source.credentials().token == "a")
    #expect(try runs.count == 1)
  }

  @Test("from a program may be a certificate with its key") func certificate() async throws {
    let status = #""clientCertificateData":"C","clientKeyData":"K""#
    let source = CredentialSource(try plugin("echo '\(Self.credential(status))'"))
    #expect(
      try await source.credentials().certificate
        == CertificatePair(certificate: Array("C".utf8), key: Array("K".utf8)))
  }

  @Test(
    "of a program that fails: the message has its words",
    arguments: [
      ("echo no login >&2; exit 3", "ended with exit code 3: no login"),
      (#"echo '\#(credential(#""token":"a b""#))'"#, "a token that holds blanks"),
      ("echo '{}'", "does not write an ExecCredential as JSON"),
      ("head -c 3000000 /dev/zero | tr '\\0' 'a' | fold -w 1000; sleep 1000", "writes more than 1048576 bytes"),
      ("echo '\(credential(#""token":"a""#, version: "v1beta1"))'", "set exec.apiVersion to what the program writes"),
      ("echo '\(credential(""))'", "without a token and without a certificate"),
      (
        "echo '\(credential(#""token":"a","expirationTimestamp":"soon""#))'",
        "an expirationTimestamp that is not a time"
      ),
    ]) func failing(script: String, words: String) async throws
  {
    let source = CredentialSource(try plugin(script))
    let failure = await #expect(throws: KubernetesAccess.Failure.self) { try await source.credentials() }
    #expect(failure?.code == .noCredentials)
    #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "")")
    #expect(failure?.message.contains("users[0].user.exec: ") == true)
  }

  @Test("of a program that is missing: the message has the hint of the kubeconfig") func missing() async throws {
    let path = try folder.write(
      """
      current-context: a
      clusters: [{name: a, cluster: {server: "https://127.0.0.1:1"}}]
      contexts: [{name: a, context: {cluster: a, user: a}}]
      users:
      - {name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ./none, installHint: "get it there"}}}
      """, to: "config")
    let source = CredentialSource(try KubernetesAccess.kubeconfig(path: path).identity)
    let failure = await #expect(throws: KubernetesAccess.Failure.self) { try await source.credentials() }
    #expect(failure?.message.hasSuffix("there is no program at \(folder.path)/./none; get it there") == true)
  }
}
